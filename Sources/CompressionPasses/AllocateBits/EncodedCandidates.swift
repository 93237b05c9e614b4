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
  /// By unit, option and parameter of the unit; none of the last for an expert that goes.
  private var values: [[[ParameterValue?]]]
  private let model: Model

  /// Encodes all units against the inputs they have in the model as it is now.
  init(_ units: [AllocationUnit], of editor: ModelEditor) throws {
    self.units = units
    model = editor.model
    errors = units.map { unit in unit.options.map { _ in 0 } }
    values = units.map { unit in unit.options.map { $0.encodings.map { _ in nil } } }
    var homes: [String: (unit: Int, place: Int)] = [:]
    for (index, unit) in units.enumerated() {
      for (place, parameter) in unit.parameters.enumerated() { homes[parameter.name] = (index, place) }
    }
    let parameters = units.flatMap(\.parameters)
    for parameter in parameters where Self.method(for: parameter, in: editor.graph) == .rtn {
      let encoder = LeafEncoder(encoder: MatrixEncoder(method: .rtn), context: editor.context)
      try encode(parameter, inputs: .none, with: encoder, at: homes[parameter.name], editor)
    }
    let multiplied = parameters.filter { Self.method(for: $0, in: editor.graph) != .rtn }
    try editor.forEachBlock(need: .gram, parameters: multiplied) { _, parameters, inputs in
      let encoder = LeafEncoder(encoder: MatrixEncoder(method: .gptq), context: editor.context)
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

  /// The model with the encodings assigned, without the experts that go.
  func model(_ assignment: Assignment) -> Model { model(withUnits: Array(units.indices), at: assignment) }

  /// The model with some units in the encodings assigned.
  func model(withUnits numbers: [Int], at assignment: Assignment) -> Model {
    var candidate = model
    for unit in numbers {
      for (parameter, value) in zip(units[unit].parameters, values[unit][assignment[unit]]) {
        candidate.values[parameter.name] = value
      }
    }
    let gone = numbers.filter { units[$0].options[assignment[$0]].isPruned }.map { units[$0] }
    return gone.isEmpty ? candidate : candidate.keepingExperts(candidate.graph.experts(without: gone))
  }

  /// The model with one unit in another encoding.
  func model(with unit: Int, at option: Int) -> Model {
    var assignment = Assignment(repeating: 0, count: units.count)
    assignment[unit] = option
    return model(withUnits: [unit], at: assignment)
  }

  private mutating func encode(
    _ parameter: ParameterDeclaration, inputs: InputKnowledge, with encoder: LeafEncoder,
    at home: (unit: Int, place: Int)?, _ editor: ModelEditor
  ) throws {
    guard let home else { return }
    let old = editor.value(of: parameter)
    precondition(old.encoding.isDense, "candidates are made of dense values")
    let shape = MatrixShape(dimensions: parameter.dimensions)
    for (number, option) in units[home.unit].options.enumerated() where !option.isPruned {
      let encoding = option.encodings[home.place]
      if encoding == old.encoding {
        values[home.unit][number][home.place] = old
        continue
      }
      let encoded: LeafEncoder.Result
      do {
        encoded = try encoder.encode(old.storage, from: old.encoding, to: encoding, shape: shape, inputs: inputs)
      } catch let fault as WeightFault {
        throw PassError.weight(parameter: parameter.name, fault)
      }
      errors[home.unit][number] += encoded.outputError ?? 0
      values[home.unit][number][home.place] = ParameterValue(
        encoding: encoded.encoding, storage: try editor.store.store(encoded.bytes))
      try editor.advance(by: 0)
    }
    old.storage.release(0..<old.storage.byteCount)
  }
}
