import Encodings
import ModelGraph
import PassKit

extension BlockEditor {
  /// Gives parameters of the block their planned encodings, one after the other, and reports the error of each.
  /// - Parameter ternary: nil for one that damps as ternary weights need it.
  func round(
    _ assignments: [EncodingAssignment], with encoder: MatrixEncoder, ternary: TernaryEncoder? = nil
  ) throws {
    let leaves = LeafEncoder(encoder: encoder, ternary: ternary, context: context)
    var table = ReportTable(
      title: "rounding", columns: ["parameter", "encoding", "bits per weight", "output error"])
    for assignment in assignments {
      let name = assignment.parameter.name
      let value = value(of: assignment.parameter)
      let result: LeafEncoder.Result
      do {
        result = try leaves.encode(
          value.storage, from: assignment.before, to: assignment.after, shape: assignment.shape,
          inputs: try knowledge(ofInputsTo: name, for: encoder.method))
      } catch let fault as WeightFault {
        throw PassError.weight(parameter: name, fault)
      }
      if result.lacksFeedback {
        note("the inputs of \(name) are too alike even with damping: it was rounded without feedback")
      }
      if encoder.method != .rtn, let error = result.outputError {
        let bits = 8 * Double(result.bytes.count) / Double(assignment.shape.elementCount)
        table.append([.text(name), .text(result.encoding.text), .number(bits), .number(error)])
      }
      try replace(assignment, with: result.bytes, as: result.encoding, error: result.error)
      try advance(by: assignment.before.byteCount(of: assignment.shape))
    }
    if !table.rows.isEmpty { report(table) }
  }

  /// What a method may know of the inputs of a parameter; a table that is looked up here has none.
  func knowledge(ofInputsTo parameter: String, for method: MatrixEncoder.Method) throws -> InputKnowledge {
    guard method != .rtn, !block.looksUp(parameter) else { return .none }
    guard let inputs else { throw PassError.needsCalibration }
    if try inputs.tokenCount(ofInputsTo: parameter) == 0 {
      note("no token of the calibration text reached \(parameter): it was rounded without any")
      return .none
    }
    return method == .gptq
      ? .gram(try inputs.gram(ofInputsTo: parameter))
      : .meanSquares(try inputs.meanSquares(ofInputsTo: parameter))
  }
}

extension MatrixEncoder.Method {
  /// What a pass that rounds this way has to know about the inputs.
  var calibrationNeed: CalibrationNeed {
    switch self {
    case .rtn: .none
    case .imatrix: .meanSquares
    case .gptq: .gram
    }
  }
}
