/// Lets text through until one of some texts appears, however it is cut into pieces.
struct StopTextFilter {
  private let stopTexts: [[UInt8]]
  /// The end of what came so far that may be the beginning of a stop text.
  private var held: [UInt8] = []
  private(set) var hasStopped = false

  /// - Parameter stopTexts: none of them empty.
  init(_ stopTexts: [String]) { self.stopTexts = stopTexts.map { Array($0.utf8) } }

  /// The text that is certain to come before any stop text. Nothing comes after one.
  mutating func append(_ piece: String) -> String {
    guard !hasStopped else { return "" }
    held += piece.utf8
    if let end = firstStop() {
      hasStopped = true
      defer { held = [] }
      return String(decoding: held[..<end], as: UTF8.self)
    }
    let safeCount =
      held.indices.first { start in stopTexts.contains { $0.starts(with: held[start...]) } } ?? held.count
    defer { held.removeFirst(safeCount) }
    return String(decoding: held[..<safeCount], as: UTF8.self)
  }

  /// What was held back although no stop text came of it.
  mutating func finish() -> String {
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }

  /// Where the first stop text begins.
  private func firstStop() -> Int? {
    held.indices.first { start in stopTexts.contains { held[start...].starts(with: $0) } }
  }
}
