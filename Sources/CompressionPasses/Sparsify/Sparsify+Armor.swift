import Encodings
import LinearAlgebra
import ModelGraph
import PassKit
import TensorCore

/// `method=armor`.
extension Sparsify {
  /// The largest block up to the one asked for that divides rows and columns.
  func planArmor(
    _ parameter: ParameterDeclaration, _ type: ElementType, _ outline: inout OutlineEditor
  ) throws(PassError) {
    let shape = MatrixShape(dimensions: parameter.dimensions)
    let sizes = (2...options.block).filter { shape.outputCount % $0 == 0 && shape.inputCount % $0 == 0 }
    guard let block = sizes.last else {
      throw .nothingToDo(
        why: "no block of up to \(options.block) divides both sides of \(parameter.name), "
          + "\(shape.outputCount) × \(shape.inputCount)",
        fix: "exclude it with '!\(parameter.name)'")
    }
    outline.assign(
      .wrapped(BlockDiagonal(blockElementCount: block), core: .sparse(options.pattern, values: .dense(type))),
      to: parameter)
  }

  func runArmor(_ block: BlockEditor) throws {
    var table = ReportTable(title: "armor", columns: ["parameter", "loss before", "loss after"])
    for assignment in block.assignments {
      let name = assignment.parameter.name
      guard case .wrapped(let blocks, .sparse(let pattern, .dense(let type))) = assignment.after,
        case .dense(let source) = assignment.before, let inputs = block.inputs
      else { throw PassError.needsCalibration }
      let weights = block.value(of: assignment.parameter).storage.withBytes { DenseCodec.decode($0, as: source) }
      let shape = assignment.shape
      do throws(WeightFault) {
        try WeightFault.requireFinite(weights.span, rowElementCount: shape.inputCount)
      } catch {
        throw PassError.weight(parameter: name, error)
      }
      var settings = Armor.Options()
      settings.blockElementCount = blocks.blockElementCount
      settings.damping = options.damping
      // A table that is looked up multiplies nothing: an empty matrix weighs its columns alike.
      let gram =
        block.block.looksUp(name) ? Gram(width: shape.inputCount) : try inputs.gram(ofInputsTo: name)
      let result = Armor.sparsify(
        weights, shape: shape, gram: gram, pattern: pattern, options: settings, pool: block.pool)
      let parts = [(result.keptValues, type), (result.outputBlocks, blocks.type), (result.inputBlocks, blocks.type)]
      let encoded: [[UInt8]]
      do throws(WeightFault) {
        encoded = try parts.map { (values, type) throws(WeightFault) in
          try WeightFault.round(values.span, rowElementCount: values.count, to: type).bytes
        }
      } catch {
        throw PassError.weight(parameter: name, error)
      }
      let core = Encoding.sparse(pattern, values: .dense(type))
      var places = SparsePlacesPacker(
        pattern: pattern, inputCount: shape.inputCount, expectedRowCount: shape.outputCount)
      let groupCount = shape.inputCount / pattern.group
      for row in 0..<shape.outputCount {
        places.append(masks: result.masks.span.extracting(row * groupCount..<(row + 1) * groupCount))
      }
      let coreBytes = CompositeValue.bytes(
        of: core, shape: shape, places: places.finish(), parts: [encoded[0]])
      let bytes = CompositeValue.bytes(
        of: assignment.after, shape: shape,
        parts: [encoded[1], coreBytes, encoded[2]])
      table.append([.text(name), .number(result.lossBefore), .number(result.lossAfter)])
      try block.replace(assignment, with: bytes, error: nil)
      try block.advance(by: assignment.before.byteCount(of: shape))
    }
    if !table.rows.isEmpty { block.report(table) }
  }
}
