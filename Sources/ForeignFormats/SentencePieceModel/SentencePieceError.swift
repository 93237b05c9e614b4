import Diagnostics

/// Why a file is not accepted as a SentencePiece model. `source` is the file's name.
public enum SentencePieceError: Diagnosable, Equatable {
  case malformed(source: String)
  case noPieces(source: String)
  case notUTF8(source: String, field: String)
  case unknownPieceKind(source: String, piece: Int, kind: Int32)
  case unknownAlgorithm(source: String, code: Int32)
  case tooLong(source: String, byteCount: Int, limit: Int)
  case tooManyPieces(source: String, limit: Int)

  public var diagnosis: Diagnosis {
    switch self {
    case .malformed(let source):
      Diagnosis(
        code: "sentencepiece.malformed", what: "\(source) is not a SentencePiece model", place: source,
        why: "its bytes do not decode as the protobuf message such a file holds",
        fix: "fetch the file again; it may be cut short, or a pointer left by Git LFS", status: .malformedInput)
    case .noPieces(let source):
      Diagnosis(
        code: "sentencepiece.no-pieces", what: "\(source) holds no vocabulary", place: source,
        why: "a SentencePiece model lists its pieces, and this one has none", fix: "fetch the file again",
        status: .malformedInput)
    case .notUTF8(let source, let field):
      Diagnosis(
        code: "sentencepiece.not-utf8", what: "\(source) holds text that is not UTF-8", place: "\(source), \(field)",
        why: "pieces are UTF-8 text; single bytes are written <0xNN>", fix: "fetch the file again",
        status: .malformedInput)
    case .unknownPieceKind(let source, let piece, let kind):
      Diagnosis(
        code: "sentencepiece.piece-kind", what: "\(source) uses a kind of piece that does not exist",
        place: "\(source), piece \(piece)", why: "kinds are 1 to 6, and this one is \(kind)",
        fix: "fetch the file again", status: .malformedInput)
    case .unknownAlgorithm(let source, let code):
      Diagnosis(
        code: "sentencepiece.model-type", what: "\(source) names a model type that does not exist", place: source,
        why: "types are 1 (unigram) to 4 (char), and this one is \(code)", fix: "fetch the file again",
        status: .malformedInput)
    case .tooLong(let source, let byteCount, let limit):
      Diagnosis(
        code: "sentencepiece.too-long", what: "\(source) is too long for a tokenizer", place: source,
        why: "it has \(byteCount) bytes, and the limit is \(limit)", fix: "check that this is the right file",
        status: .limitExceeded)
    case .tooManyPieces(let source, let limit):
      Diagnosis(
        code: "sentencepiece.too-many-pieces", what: "\(source) lists more than \(limit) pieces", place: source,
        why: "no vocabulary is that large", fix: "check that this is the right file", status: .limitExceeded)
    }
  }
}
