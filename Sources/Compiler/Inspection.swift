import ByteIO
import CheckpointImport
import Diagnostics
import Encodings
import ModelGraph
import ModelIR
import PackFormat
import PackRuntime
import TensorCore

/// What a checkpoint or a packed file is made of.
public struct Inspection {
  struct Tensor {
    let name: String
    let role: String
    let dimensions: [Int]
    let encoding: Encoding
    var byteCount: Int { encoding.byteCount(of: MatrixShape(dimensions: dimensions)) }
  }

  let architecture: String
  let fileByteCount: Int
  private let parameterCount: Int
  /// Bits per weight of the values by role.
  private let byRole: [(role: String, bitsPerWeight: Double)]
  let tensors: [Tensor]
  /// The graph and how every weight is represented.
  public let ir: String

  /// - Throws: when `path` is neither, or what it is cannot be read.
  public init(path: String) throws {
    guard FileSystem.exists(path) else { throw ByteIOError.notFound(path: path) }
    if FileSystem.isDirectory(path) || path.hasSuffix(".safetensors") {
      self.init(try Checkpoint.open(path: path).model)
    } else {
      try self.init(PackReader(path: path))
    }
  }

  private init(_ model: Model) {
    architecture = model.graph.architecture
    fileByteCount = model.source.files.reduce(0) { $0 + $1.storage.byteCount }
    tensors = model.graph.parameters.compactMap { parameter in
      model.values[parameter.name].map {
        Tensor(
          name: parameter.name, role: parameter.role.rawValue, dimensions: parameter.dimensions, encoding: $0.encoding)
      }
    }
    let sizes = model.sizes
    parameterCount = sizes.total.elementCount
    byRole = sizes.byRole.map { ($0.role.rawValue, $0.figures.bitsPerWeight) }
    ir = model.text
  }

  private init(_ reader: PackReader) throws {
    architecture = reader.manifest.architecture
    fileByteCount = reader.byteCount
    tensors = reader.parameters.map { placed in
      let parameter = placed.parameter
      return Tensor(
        name: parameter.name, role: parameter.role, dimensions: parameter.dimensions, encoding: parameter.encoding)
    }
    let summary = try PackSummary(reader)
    parameterCount = summary.parameterCount
    byRole = summary.bitsPerWeightByRole
    ir = Self.text(graph: reader.graphText, tensors)
  }

  private static func text(graph: String, _ tensors: [Tensor]) -> String {
    let lines = tensors.map { "  @\($0.name) \($0.dimensions) \($0.encoding.text) \($0.byteCount) bytes" }
    return ([graph, "values"] + lines).joined(separator: "\n") + "\n"
  }

  private var bitsPerWeight: Double { Double(fileByteCount) * 8 / Double(max(1, parameterCount)) }

  /// The `result` of `inspect --json`.
  public func document(includingIR: Bool) -> JSONText {
    var members: [(String, JSONText)] = [
      ("architecture", .string(architecture)),
      ("parameters", .integer(Int64(parameterCount))),
      ("file_bytes", .integer(Int64(fileByteCount))),
      (
        "bits_per_weight",
        .object([
          ("total", .number(bitsPerWeight)),
          ("by_role", .object(byRole.map { ($0.role, .number($0.bitsPerWeight)) })),
        ])
      ),
      (
        "tensors",
        .array(
          tensors.map { tensor in
            .object([
              ("name", .string(tensor.name)), ("role", .string(tensor.role)),
              ("shape", .array(tensor.dimensions.map { .integer(Int64($0)) })),
              ("encoding", .string(tensor.encoding.text)),
              ("bytes", .integer(Int64(tensor.byteCount))),
            ])
          })
      ),
    ]
    if includingIR { members.append(("ir", .string(ir))) }
    return .object(members)
  }

  /// The same for people.
  public var table: String {
    let nameWidth = tensors.map(\.name.count).max() ?? 0
    let shapes = tensors.map { "[" + $0.dimensions.map(String.init).joined(separator: ", ") + "]" }
    let shapeWidth = shapes.map(\.count).max() ?? 0
    let pad = { (text: String, width: Int) in text + String(repeating: " ", count: max(0, width - text.count)) }
    let rows = zip(tensors, shapes).map { tensor, shape in
      "  \(pad(tensor.name, nameWidth))  \(pad(tensor.role, 13))  \(pad(shape, shapeWidth))  \(tensor.encoding.text)"
    }
    let roles = byRole.map { "  \(pad($0.role, 13))  \(NumberText.fixed($0.bitsPerWeight, 3)) bits per weight" }
    return """
      architecture  \(architecture)
      parameters    \(NumberText.count(parameterCount))
      file          \(NumberText.count(fileByteCount)) bytes, \(NumberText.fixed(bitsPerWeight, 3)) bits per weight, \
      every byte counted

      \(roles.joined(separator: "\n"))

      \(rows.joined(separator: "\n"))

      """
  }
}
