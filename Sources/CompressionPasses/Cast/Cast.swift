import Encodings
import PassKit
import TensorCore

/// Stores dense weights in another floating-point type, rounded to nearest, ties to even.
public struct Cast: ParameterPass {
  static let typeOption = PassOption<ElementType>.choice("type", "the type to store weights in")
  static let targetsOption = PassOption<[Glob]>.globs("targets", "parameters to take")
    .optional(unset: "every dense parameter, norms and biases included")

  public static let name = "cast"
  public static let summary = "store dense weights in another floating-point type"
  public static let options = [typeOption.declaration, targetsOption.declaration]
  public static let details = """
    Weights are rounded to the nearest value of the type, ties to even. A pattern takes whatever dense parameter it
    matches: routers, norms and biases need not be named. A weight that is too large for the type (above 65504 for
    `f16`) is an error that names the tensor; nothing is clipped.
    """

  private let type: ElementType
  private let targets: [Glob]?

  public init(_ values: OptionValues) {
    type = values[Self.typeOption]
    targets = values[Self.targetsOption]
  }

  public func plan(_ outline: inout OutlineEditor) throws(PassError) {
    let selected = try outline.denseParameters(targets: targets)
    let changing = selected.filter { outline.outline.encoding(of: $0) != .dense(type) }
    for parameter in changing { outline.assign(.dense(type), to: parameter) }
    if changing.count < selected.count {
      outline.note("\(selected.count - changing.count) of \(selected.count) parameters are \(type.rawValue) already")
    }
  }

  public func encode(
    _ rows: Span<Float>, shape: MatrixShape, as encoding: Encoding
  ) throws(WeightFault) -> EncodedRows {
    try EncodedRows(rounding: rows, shape: shape, to: type)
  }
}
