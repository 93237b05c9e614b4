import Encodings
import ModelGraph
import TensorCore

/// Bytes and weights of a group of parameters.
public struct SizeFigures: Sendable, Equatable {
  public var elementCount = 0
  public var byteCount = 0

  public init() {}

  /// Bits per weight; every byte of the values counts.
  public var bitsPerWeight: Double { elementCount == 0 ? 0 : Double(byteCount) * 8 / Double(elementCount) }

  mutating func add(elementCount: Int, byteCount: Int) {
    self.elementCount += elementCount
    self.byteCount += byteCount
  }
}

/// How large parameters are in given encodings, in all and by role.
public struct SizeAccount: Sendable, Equatable {
  public private(set) var total = SizeFigures()
  /// The roles that occur, in the order of ``ParameterRole``.
  public private(set) var byRole: [(role: ParameterRole, figures: SizeFigures)] = []

  /// - Parameter encoding: the encoding of each parameter.
  public init(of parameters: [ParameterDeclaration], encoding: (ParameterDeclaration) -> Encoding) {
    var figures: [ParameterRole: SizeFigures] = [:]
    for parameter in parameters {
      let shape = MatrixShape(dimensions: parameter.dimensions)
      let byteCount = encoding(parameter).byteCount(of: shape)
      figures[parameter.role, default: SizeFigures()].add(elementCount: shape.elementCount, byteCount: byteCount)
      total.add(elementCount: shape.elementCount, byteCount: byteCount)
    }
    byRole = ParameterRole.allCases.compactMap { role in figures[role].map { (role, $0) } }
  }

  public static func == (a: SizeAccount, b: SizeAccount) -> Bool {
    a.total == b.total && a.byRole.map(\.role) == b.byRole.map(\.role)
      && a.byRole.map(\.figures) == b.byRole.map(\.figures)
  }
}

extension Model {
  /// The sizes of all values as they are now.
  public var sizes: SizeAccount {
    SizeAccount(of: graph.parameters) { values[$0.name]?.encoding ?? .dense(.f32) }
  }

  /// The graph's text, then a line per parameter: shape, encoding, bytes, and what was done to it.
  public var text: String {
    var lines = [graph.text, "values"]
    for parameter in graph.parameters {
      guard let value = values[parameter.name] else { continue }
      let shape = parameter.dimensions.map(String.init).joined(separator: ", ")
      var line = "  @\(parameter.name) [\(shape)] \(value.encoding.text) \(value.storage.byteCount) bytes"
      if let intent = value.intent { line += " intent \(intent.text)" }
      if !value.history.isEmpty { line += "  # " + value.history.joined(separator: "; ") }
      lines.append(line)
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
