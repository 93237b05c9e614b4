import ByteIO
import ForeignFormats
import ModelIR
import PackRuntime
import PassKit
import Tokenization

/// The tokens a pack is verified on.
public enum TokenSource: Sendable {
  case ids([Int])
  /// A file of UTF-8 text for the model's own tokenizer.
  case textFile(String)
}

/// A text to measure on, read once.
struct EvaluationText {
  /// Its file name without the folder.
  let name: String
  let text: String
  /// SHA-256 of its bytes.
  let digest: [UInt8]

  /// - Throws: when the file cannot be read or is not UTF-8.
  init(path: String) throws {
    let (bytes, text) = try TextFile.read(path)
    name = FileSystem.name(of: path)
    self.text = text
    digest = SHA256.digest(of: bytes.span)
  }
}

/// Token ids with what a record says about where they came from.
struct EvaluationTokens {
  let ids: [Int]
  let isText: Bool
  /// The text's file name without its folder.
  let name: String
  /// SHA-256 of the text.
  let digest: [UInt8]
}

extension EvaluationTokens {
  /// - Throws: when a text file cannot be read or is not UTF-8, or the pack has no tokenizer for it.
  init(_ source: TokenSource, model: PackedModel) throws {
    switch source {
    case .textFile(let path): try self.init(EvaluationText(path: path), model: model)
    case .ids(let ids):
      self.init(
        ids: ids, isText: false, name: "token ids",
        digest: SHA256.digest(of: Array(ids.map(String.init).joined(separator: ",").utf8).span))
    }
  }

  /// What a compile for `model` will be measured on.
  /// - Throws: `CompileError.noTokenizer`; `ScoringError` where nothing of the text could be scored.
  init(_ text: EvaluationText, for model: Model, settings: VerifySettings?, checkpointPath: String) throws {
    guard let tables = model.companions.tokenizer else {
      throw CompileError.noTokenizer(text: text.name, checkpoint: checkpointPath)
    }
    self.init(ids: try Tokenizer(tables).encode(text.text), isText: true, name: text.name, digest: text.digest)
    let contextLength = model.graph.contextLength
    _ = try WindowPlan(
      tokenCount: ids.count, windowTokenCount: settings.map { min($0.window, contextLength) },
      contextLength: contextLength, beginningOfSequence: tables.addsBeginningOfSequence ? tables.beginningID : nil,
      tokenCountLimit: settings?.tokenCount)
  }

  /// - Throws: when the pack has no tokenizer.
  init(_ text: EvaluationText, model: PackedModel) throws {
    try self.init(ids: model.ids(text: text.text), isText: true, name: text.name, digest: text.digest)
  }
}
