/// Cuts UTF-8 text as the split patterns of byte-level tokenizers do, without a regular-expression engine.
///
/// The patterns are alternations tried in order at each position; every position matches one of them, so pre-tokens
/// follow each other without gaps. Classes are those of Unicode scalars, never of grapheme clusters.
struct PreTokenScanner {
  private let pattern: ByteLevelRules.SplitPattern
  private let text: [UInt8]
  private let end: Int
  private let ascii = ScalarClass.ascii

  /// Scans `text` up to `end`, which is what `\s+(?!\S)` takes for the end of the text.
  init(_ pattern: ByteLevelRules.SplitPattern, _ text: [UInt8], end: Int) {
    self.pattern = pattern
    self.text = text
    self.end = end
  }

  /// The end of the pre-token that begins at `start`, which must be less than the end of the text.
  func endOfPreToken(from start: Int) -> Int {
    switch pattern {
    case .none: end
    case .gpt2: endOfGPT2PreToken(from: start)
    case .llama3: endOfCasedPreToken(from: start, digitLimit: 3)
    case .qwen2: endOfCasedPreToken(from: start, digitLimit: 1)
    }
  }

  private func endOfGPT2PreToken(from start: Int) -> Int {
    if let end = endOfContraction(from: start, ignoringCase: false) { return end }
    let begin = text[start] == UInt8(ascii: " ") && start + 1 < end ? start + 1 : start
    let (kind, byteCount) = scalarClass(at: begin)
    if kind.isWhitespace { return endOfWhitespace(from: start) }
    return endOfRun(of: kind, from: begin + byteCount)
  }

  private func endOfCasedPreToken(from start: Int, digitLimit: Int) -> Int {
    if let end = endOfContraction(from: start, ignoringCase: true) { return end }
    let (kind, byteCount) = scalarClass(at: start)
    let next = start + byteCount
    switch kind {
    case .letter: return endOfRun(of: .letter, from: next)
    case .number: return endOfRun(of: .number, from: next, limit: digitLimit - 1)
    case .newline: return endOfWhitespace(from: start, throughLastNewline: true)
    case .space, .other:
      let following = next < end ? scalarClass(at: next).kind : nil
      if following == .letter { return endOfRun(of: .letter, from: next) }
      if kind == .space, !(following == .other && text[start] == UInt8(ascii: " ")) {
        return endOfWhitespace(from: start, throughLastNewline: true)
      }
      return endOfRun(of: .newline, from: endOfRun(of: .other, from: next))
    }
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d`. Without case, `s` is also the long `ſ` (U+017F), to which it folds.
  private func endOfContraction(from start: Int, ignoringCase: Bool) -> Int? {
    guard text[start] == UInt8(ascii: "'"), start + 1 < end else { return nil }
    let caseBit: UInt8 = ignoringCase ? 0x20 : 0
    let first = text[start + 1] | caseBit
    let second = start + 2 < end ? text[start + 2] : 0
    switch first {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"): return second | caseBit == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"): return second | caseBit == UInt8(ascii: "l") ? start + 3 : nil
    default: return ignoringCase && text[start + 1] == 0xC5 && second == 0xBF ? start + 3 : nil
    }
  }

  /// `\s*[\r\n]+|\s+(?!\S)|\s+`, the first alternative only when asked for. White space begins at `start`.
  private func endOfWhitespace(from start: Int, throughLastNewline: Bool = false) -> Int {
    var position = start, lastScalar = start
    var afterNewline: Int?
    while position < end {
      let (kind, byteCount) = scalarClass(at: position)
      guard kind.isWhitespace else { break }
      lastScalar = position
      position += byteCount
      if kind == .newline { afterNewline = position }
    }
    if throughLastNewline, let afterNewline { return afterNewline }
    return position == end || lastScalar == start ? position : lastScalar
  }

  private func endOfRun(of kind: ScalarClass, from start: Int, limit: Int = .max) -> Int {
    var position = start, count = 0
    while position < end, count < limit {
      let (next, byteCount) = scalarClass(at: position)
      guard next == kind else { break }
      position += byteCount
      count += 1
    }
    return position
  }

  @inline(__always) private func scalarClass(at position: Int) -> (kind: ScalarClass, byteCount: Int) {
    let byte = text[position]
    if byte < 0x80 { return (ascii[Int(byte)], 1) }
    let (scalar, byteCount) = UTF8Decoding.scalar(text, at: position)
    return (ScalarClass(scalar), byteCount)
  }
}
