/// A pattern over parameter names: `*` stands for any characters, dots too; a leading `!` makes it an exclusion.
public struct Glob: Sendable, Hashable {
  /// As it was written, with the `!` of an exclusion.
  public let text: String
  public let isExclusion: Bool
  /// The literal parts between the stars.
  private let parts: [[UInt8]]

  /// Nil when there is nothing to match, or when it holds white space, a comma or a quotation mark, which no parameter
  /// name does and which would not survive in a list separated by commas.
  public init?(_ text: String) {
    let pattern = text.hasPrefix("!") ? text.dropFirst() : text[...]
    guard !pattern.isEmpty, !pattern.contains(where: { $0.isWhitespace || "\"',".contains($0) }) else { return nil }
    self.text = text
    isExclusion = text.hasPrefix("!")
    parts = pattern.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map(Array.init)
  }

  /// The pattern without the `!` of an exclusion.
  public var pattern: Substring { isExclusion ? text.dropFirst() : text[...] }

  /// Whether the pattern fits `name` from end to end.
  public func matches(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    let first = parts[0], last = parts[parts.count - 1]
    if parts.count == 1 { return bytes == first }
    guard bytes.count >= first.count + last.count, bytes.starts(with: first), bytes.suffix(last.count) == last[...]
    else {
      return false
    }
    // Taking each middle part at its first place is enough: it leaves the most for those after it.
    var rest = bytes[first.count..<bytes.count - last.count]
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let start = rest.indices.first(where: { rest[$0...].starts(with: part) }) else { return false }
      rest = rest[(start + part.count)...]
    }
    return true
  }

  /// Whether the pattern means this very parameter rather than many: its last dotted word is the name's, without a
  /// star. `layers.*.mlp.router` names each router, `layers.*` and `*router` do not.
  public func names(_ name: String) -> Bool {
    guard !isExclusion, matches(name), let word = pattern.split(separator: ".").last else { return false }
    return !word.contains("*") && word == name.split(separator: ".").last
  }
}
