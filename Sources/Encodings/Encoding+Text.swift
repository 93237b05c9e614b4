import Diagnostics
import TensorCore

/// Why a text names no encoding.
public enum EncodingError: Diagnosable, Equatable {
  case malformed(String)

  public var diagnosis: Diagnosis {
    switch self {
    case .malformed(let text):
      Diagnosis(
        code: "encoding.malformed", what: "this is not the name of an encoding", place: "'\(text.prefix(100))'",
        why: "an encoding is written like dense(bf16), grouped(bits=4 group=64 asymmetric scale=f16) or, of these, "
          + "sparse(2:4 dense(f16))",
        fix: "compile the model again", status: .malformedInput)
    }
  }
}

extension Encoding {
  /// The encoding as text, `dense(bf16)` or `sparse(2:4 grouped(bits=4 group=64 asymmetric scale=f16))`
  /// (docs/format.md §4).
  public var text: String {
    switch self {
    case .dense(let type): "dense(\(type.rawValue))"
    case .grouped(let grouped):
      "grouped(bits=\(grouped.bits) group=\(grouped.groupElementCount) "
        + "\(grouped.isSymmetric ? "symmetric" : "asymmetric") scale=\(grouped.scaleType.rawValue))"
    case .trellis(let trellis): "trellis(bits=\(trellis.bits))"
    case .ternary(let ternary):
      "ternary(zeros=\(ternary.zeros) code=\(ternary.codeBits) bytes=\(ternary.streamByteCount) "
        + "levels=\(ternary.levels.rawValue))"
    case .sparse(let pattern, let values): "sparse(\(pattern.kept):\(pattern.group) \(values.text))"
    case .lowRank(let rank, let u, let v): "low_rank(rank=\(rank) \(u.text) \(v.text))"
    case .sum(let first, let second): "sum(\(first.text) \(second.text))"
    case .wrapped(let blocks, let core):
      "wrapped(block=\(blocks.blockElementCount) type=\(blocks.type.rawValue) \(core.text))"
    }
  }

  /// More bytes than the text of any encoding has that nests as deep as allowed.
  public static let textByteCountLimit = 4_096

  /// Parses exactly what `text` prints.
  /// - Throws: `EncodingError.malformed`.
  public init(parsing text: String) throws(EncodingError) {
    guard text.utf8.count <= Self.textByteCountLimit, let parsed = Self.parse(text[...], depth: 0), parsed.text == text
    else { throw .malformed(text) }
    self = parsed
  }

  private static func parse(_ text: Substring, depth: Int) -> Encoding? {
    guard depth < largestDepth, text.hasSuffix(")"), let open = text.firstIndex(of: "(") else { return nil }
    let arguments = arguments(of: text[text.index(after: open)...].dropLast())
    let inner = { (index: Int) in parse(arguments[index], depth: depth + 1) }
    switch text[..<open] {
    case "dense":
      return arguments.first.flatMap { ElementType(rawValue: String($0)) }.map(Encoding.dense)
    case "grouped":
      guard arguments.count == 4, let bits = number(arguments[0], after: "bits="), (2...8).contains(bits),
        let group = number(arguments[1], after: "group="), (1...GroupedEncoding.largestGroup).contains(group),
        let scale = type(arguments[3], after: "scale=")
      else { return nil }
      return .grouped(
        GroupedEncoding(
          bits: bits, groupElementCount: group, isSymmetric: arguments[2] == "symmetric", scaleType: scale))
    case "trellis":
      guard arguments.count == 1, let bits = number(arguments[0], after: "bits="),
        TrellisEncoding.bitCounts.contains(bits)
      else { return nil }
      return .trellis(TrellisEncoding(bits: bits))
    case "ternary": return ternary(arguments)
    case "sparse":
      guard arguments.count == 2, let pattern = pattern(arguments[0]), let values = inner(1) else { return nil }
      return .sparse(pattern, values: values)
    case "low_rank":
      guard arguments.count == 3, let rank = number(arguments[0], after: "rank="), let u = inner(1), let v = inner(2)
      else { return nil }
      return .lowRank(rank: rank, u: u, v: v)
    case "sum":
      guard arguments.count == 2, let first = inner(0), let second = inner(1) else { return nil }
      return .sum(first, second)
    case "wrapped":
      guard arguments.count == 3, let block = number(arguments[0], after: "block="),
        (2...BlockDiagonal.largestBlock).contains(block), let type = type(arguments[1], after: "type="),
        let core = inner(2)
      else { return nil }
      return .wrapped(BlockDiagonal(blockElementCount: block, type: type), core: core)
    default: return nil
    }
  }

  private static func ternary(_ arguments: [Substring]) -> Encoding? {
    guard arguments.count == 4, let zeros = number(arguments[0], after: "zeros="),
      TernaryEncoding.zeroClasses.contains(zeros), let codeBits = number(arguments[1], after: "code="),
      TernaryEncoding.codeBitCounts.contains(codeBits), let byteCount = number(arguments[2], after: "bytes="),
      (0...TernaryEncoding.largestStreamByteCount).contains(byteCount), arguments[3].hasPrefix("levels="),
      let levels = TernaryEncoding.Levels(rawValue: String(arguments[3].dropFirst(7)))
    else { return nil }
    return .ternary(
      TernaryEncoding(zeros: zeros, codeBits: codeBits, streamByteCount: byteCount, levels: levels))
  }

  /// The parts between spaces that stand in no inner parentheses.
  private static func arguments(of text: Substring) -> [Substring] {
    var depth = 0
    return text.split { character in
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      return character == " " && depth == 0
    }
  }

  private static func pattern(_ argument: Substring) -> SparsePattern? {
    let numbers = argument.split(separator: ":").compactMap { Int($0) }
    guard numbers.count == 2, (2...SparsePattern.largestGroup).contains(numbers[1]),
      (1..<numbers[1]).contains(numbers[0])
    else { return nil }
    return SparsePattern(kept: numbers[0], group: numbers[1])
  }

  private static func type(_ argument: Substring, after key: String) -> ElementType? {
    argument.hasPrefix(key) ? ElementType(rawValue: String(argument.dropFirst(key.count))) : nil
  }

  private static func number(_ argument: Substring, after key: String) -> Int? {
    argument.hasPrefix(key) ? Int(argument.dropFirst(key.count)) : nil
  }
}
