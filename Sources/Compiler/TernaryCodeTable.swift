import Diagnostics
import Encodings
import PackFormat
import TensorCore

/// What ternary weights take in our code, in QMoE's dictionary, and at least.
public struct TernaryCodeTable {
  /// Measures independent random symbols, the same on every machine.
  /// - Parameters:
  ///   - zeroShares: probabilities of a zero, 0…1.
  ///   - widths: of rows; each matrix has `weightCount` weights, or the fewest rows that have more.
  public static func random(zeroShares: [Double], widths: [Int], weightCount: Int = 1 << 20) -> TernaryCodeTable {
    var lines: [Line] = []
    for zeroShare in zeroShares {
      for width in widths {
        let shape = MatrixShape(outputCount: (weightCount + width - 1) / width, inputCount: width)
        lines.append(
          Line(
            name: "rows of \(NumberText.count(width))", matrixCount: 1,
            comparison: TernaryCodeComparison(zeroShare: zeroShare, shape: shape)))
      }
    }
    return TernaryCodeTable(lines: lines, total: nil)
  }

  /// Measures the symbols of every ternary matrix in the pack at `path`. Matrices whose names differ in one number, the
  /// experts of a layer or else the layers, share a line.
  /// - Throws: what is wrong with the pack; ``TernaryCodeError`` when no matrix in it is ternary.
  public static func pack(path: String) throws -> TernaryCodeTable {
    let reader = try PackReader(path: path)
    var lines: [Line] = []
    for placed in reader.parameters {
      let parameter = placed.parameter
      let values = parameter.encoding.ternaryValues(of: MatrixShape(dimensions: parameter.dimensions))
      guard !values.isEmpty else { continue }
      let bytes = try reader.bytes(of: placed)
      let name = group(of: parameter.name)
      for value in values {
        let comparison = bytes.withBytes(value.byteRange) { value.comparison(of: $0) }
        if let index = lines.firstIndex(where: { $0.name == name }) {
          lines[index].matrixCount += 1
          lines[index].comparison += comparison
        } else {
          lines.append(Line(name: name, matrixCount: 1, comparison: comparison))
        }
      }
      bytes.release(0..<bytes.byteCount)
    }
    guard var total = lines.first else { throw TernaryCodeError.noTernaryMatrix(pack: path) }
    total.name = "all"
    for line in lines.dropFirst() {
      total.matrixCount += line.matrixCount
      total.comparison += line.comparison
    }
    return TernaryCodeTable(lines: lines, total: total)
  }

  /// The name with a `*` for its last number.
  private static func group(of name: String) -> String {
    var components = name.split(separator: ".", omittingEmptySubsequences: false)
    if let index = components.lastIndex(where: { !$0.isEmpty && $0.allSatisfy(\.isNumber) }) { components[index] = "*" }
    return components.joined(separator: ".")
  }

  struct Line {
    var name: String
    var matrixCount: Int
    var comparison: TernaryCodeComparison
  }

  let lines: [Line]
  /// Of all matrices of a pack.
  let total: Line?

  /// The `result` of `codes --json`.
  public var document: JSONText {
    .object([("lines", .array(lines.map(\.document)))] + (total.map { [("total", $0.document)] } ?? []))
  }

  /// The same for people.
  public var table: String {
    var table = TextTable([.left, .right, .right, .right, .right, .right, .right, .right])
    table.add("", "matrices", "zeros", "entropy", "stored", "excess", "QMoE", "larger by")
    for line in lines + (total.map { [$0] } ?? []) {
      let comparison = line.comparison
      table.add(
        line.name, NumberText.count(line.matrixCount), percent(comparison.zeroShare),
        NumberText.fixed(comparison.entropy, 4), NumberText.fixed(comparison.packed, 4), percent(line.excess),
        NumberText.fixed(comparison.qmoe, 4), percent(line.qmoeExcess))
    }
    return """
      \(table.text)

      bits per weight; stored: begins, levels, code words and signs; QMoE: the code words of its fixed dictionary alone

      """
  }

  private func percent(_ share: Double) -> String {
    share.isFinite ? "\(NumberText.fixed(100 * share, 1)) %" : "–"
  }
}

extension TernaryCodeTable.Line {
  /// What is stored beyond the entropy, as a share of it.
  var excess: Double { comparison.packed / comparison.entropy - 1 }
  /// How much larger QMoE's words are than what is stored, as a share of it.
  var qmoeExcess: Double { comparison.qmoe / comparison.packed - 1 }

  fileprivate var document: JSONText {
    .object([
      ("name", .string(name)), ("matrices", .integer(Int64(matrixCount))),
      ("weights", .integer(Int64(comparison.weightCount))), ("zero_share", .number(comparison.zeroShare)),
      ("entropy", .number(comparison.entropy)), ("stored", .number(comparison.packed)),
      ("stored_excess", .number(excess)), ("qmoe", .number(comparison.qmoe)), ("qmoe_excess", .number(qmoeExcess)),
    ])
  }
}

/// A ternary value and where it lies in that of a parameter.
private struct PlacedTernary {
  let encoding: TernaryEncoding
  let shape: MatrixShape
  let byteRange: Range<Int>

  func comparison(of bytes: Span<UInt8>) -> TernaryCodeComparison {
    let symbols = TernaryDecoder.symbols(bytes, layout: encoding.layout(of: shape))
    return TernaryCodeComparison(of: symbols.span, shape: shape, packedByteCount: byteRange.count)
  }
}

extension Encoding {
  /// The ternary values within one of `shape`: itself or components at any depth.
  fileprivate func ternaryValues(of shape: MatrixShape, at offset: Int = 0) -> [PlacedTernary] {
    if case .ternary(let encoding) = self {
      return [PlacedTernary(encoding: encoding, shape: shape, byteRange: offset..<offset + byteCount(of: shape))]
    }
    return parts(of: shape).flatMap {
      $0.encoding.ternaryValues(of: $0.shape, at: offset + $0.byteRange.lowerBound)
    }
  }
}

/// Why codes cannot be compared on a pack.
public enum TernaryCodeError: Error, Equatable, Diagnosable {
  case noTernaryMatrix(pack: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .noTernaryMatrix(let pack):
      Diagnosis(
        code: "codes.no-ternary", what: "there are no ternary symbols to measure", place: pack,
        why: "no matrix in the pack is ternary", fix: "compile with pack-ternary, or leave the pack out for random symbols",
        status: .unsupported)
    }
  }
}
