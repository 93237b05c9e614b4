import Encodings
import LinearAlgebra
import ModelGraph
import ModelIR
import PassKit
import TensorCore

/// Every unit in every encoding it may get, made once, so that the model of a configuration is put together in no time.
struct EncodedCandidates {
  let units: [AllocationUnit]
  /// By unit and option, the mean squared change of the unit's outputs on the calibration text.
  private(set) var errors: [[Double]]
  /// By unit, option and parameter of the unit.
  private var values: [[[ParameterValue?]]]
  private let model: Model

  /// Encodes all units against the inputs they have in the model as it is now.
  init(_ units: [AllocationUnit], of editor: ModelEditor) throws {
    self.units = units
    model = editor.model
    errors = units.map { unit in unit.options.map { _ in 0 } }
    values = units.map { unit in unit.options.map { _ in unit.parameters.map { _ in nil } } }
    var homes: [String: (unit: Int, place: Int)] = [:]
    for (index, unit) in units.enumerated() {
      for (place, parameter) in unit.parameters.enumerated() { homes[parameter.name] = (index, place) }
    }
    let parameters = units.flatMap(\.parameters)
    for parameter in parameters where Self.method(for: parameter, in: editor.graph) == .rtn {
      try encode(parameter, inputs: .none, with: MatrixEncoder(method: .rtn), at: homes[parameter.name], editor)
    }
    let multiplied = parameters.filter { Self.method(for: $0, in: editor.graph) != .rtn }
    try editor.forEachBlock(need: .gram, parameters: multiplied) { _, parameters, inputs in
      let encoder = MatrixEncoder(method: .gptq)
      for parameter in parameters {
        try encode(
          parameter, inputs: .gram(inputs.gram(ofInputsTo: parameter.name)), with: encoder, at: homes[parameter.name],
          editor)
      }
    }
  }

  /// How a parameter is encoded. An embedding that is not the head as well is looked up: it multiplies nothing.
  static func method(for parameter: ParameterDeclaration, in graph: ModelGraph) -> MatrixEncoder.Method {
    parameter.role == .embedding && !graph.isTied ? .rtn : .gptq
  }

  /// The model with the encodings assigned.
  func model(_ assignment: Assignment) -> Model {
    var candidate = model
    for (unit, option) in assignment.enumerated() { apply(option, to: unit, of: &candidate) }
    return candidate
  }

  /// The model with some units in the encodings assigned.
  func model(withUnits units: [Int], at assignment: Assignment) -> Model {
    var candidate = model
    for unit in units { apply(assignment[unit], to: unit, of: &candidate) }
    return candidate
  }

  /// The model with one unit in another encoding.
  func model(with unit: Int, at option: Int) -> Model {
    var candidate = model
    apply(option, to: unit, of: &candidate)
    return candidate
  }

  private func apply(_ option: Int, to unit: Int, of candidate: inout Model) {
    for (parameter, value) in zip(units[unit].parameters, values[unit][option]) {
      candidate.values[parameter.name] = value
    }
  }

  private mutating func encode(
    _ parameter: ParameterDeclaration, inputs: InputKnowledge, with encoder: MatrixEncoder,
    at home: (unit: Int, place: Int)?, _ editor: ModelEditor
  ) throws {
    guard let home else { return }
    let old = editor.value(of: parameter)
    guard case .dense(let type) = old.encoding else { preconditionFailure("candidates are made of dense values") }
    let weights = old.storage.withBytes { DenseCodec.decode($0, as: type) }
    let shape = MatrixShape(dimensions: parameter.dimensions)
    do throws(WeightFault) {
      try WeightFault.requireFinite(weights.span, rowElementCount: shape.inputCount)
    } catch {
      throw PassError.weight(parameter: parameter.name, error)
    }
    for (number, option) in units[home.unit].options.enumerated() {
      if option.encoding == old.encoding {
        values[home.unit][number][home.place] = old
        continue
      }
      let encoded: EncodedMatrixValue
      do throws(WeightFault) {
        encoded = try encoder.encode(weights, shape: shape, to: option.encoding, inputs: inputs, pool: editor.pool)
      } catch {
        throw PassError.weight(parameter: parameter.name, error)
      }
      errors[home.unit][number] += encoded.outputError
      values[home.unit][number][home.place] = ParameterValue(
        encoding: option.encoding, storage: try editor.store.store(encoded.bytes))
      try editor.advance(by: 0)
    }
    old.storage.release(0..<old.storage.byteCount)
  }
}
