import ByteIO
import Diagnostics
import ForeignFormats
import ModelIR
import PassKit

/// Everything that the bytes a compile makes depend on, each with a name for people.
struct CompileIdentity: Equatable {
  struct Fact: Equatable {
    let name: String
    let value: String
  }

  /// A fact in which two compiles differ.
  struct Difference: Equatable {
    let name: String
    /// Nil where the fact is missing.
    let found: String?
    let expected: String?
  }

  let facts: [Fact]

  private static let format = "swage journal 2"

  /// - Parameter calibration: nil where no step looks at any.
  init(passList: PassList, source: Source, instructionSet: String, calibration: CalibrationInput?) {
    var facts = [
      Fact(name: "format", value: Self.format), Fact(name: "program", value: "swage \(ToolVersion.text)"),
      Fact(name: "instruction set", value: instructionSet),
    ]
    for file in source.files {
      facts.append(
        Fact(name: "file \(file.name)", value: "\(file.storage.byteCount) bytes, digest \(Self.digest(of: file))"))
    }
    for (index, step) in passList.steps.enumerated() { facts.append(Fact(name: "step \(index + 1)", value: step.text)) }
    if let calibration {
      facts.append(Fact(name: "calibration", value: passList.calibration?.samplingText ?? "none"))
      for (index, text) in calibration.texts.enumerated() {
        let name = text.task.map { " \(index + 1), \($0)" } ?? ""
        facts.append(Fact(name: "calibration text\(name)", value: "digest \(text.digest)"))
      }
    }
    self.facts = facts
  }

  /// SHA-256 of a small file; of a large one, of pieces spread over it: reading all weights through would take as long
  /// as compressing them.
  private static func digest(of file: Source.File) -> String {
    let byteCount = file.storage.byteCount
    let stride = max(pieceByteCount, byteCount / pieceCount)
    var hash = SHA256()
    for start in Swift.stride(from: 0, to: byteCount, by: stride) {
      let piece = start..<min(byteCount, start + pieceByteCount)
      file.storage.withBytes(piece) { hash.update($0) }
      file.storage.release(piece)
    }
    return hash.finishHexadecimal()
  }

  private static let pieceByteCount = 1 << 16
  private static let pieceCount = 64

  /// The first fact that is otherwise in `found`.
  func difference(from found: CompileIdentity) -> Difference? {
    let names = facts.map(\.name) + found.facts.map(\.name)
    for name in names {
      let (was, now) = (found.value(of: name), value(of: name))
      if was != now { return Difference(name: name, found: was, expected: now) }
    }
    return nil
  }

  private func value(of name: String) -> String? { facts.first { $0.name == name }?.value }
}
