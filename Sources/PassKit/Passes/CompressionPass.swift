import Encodings
import ModelGraph
import TensorCore

/// One way to make a model smaller: a name, typed options, and one function. A pass holds no state, no timer, and
/// prints nothing; the manager does all that.
///
/// A pass conforms to ``ModelPass``, ``BlockPass`` or ``ParameterPass``.
public protocol CompressionPass: Sendable {
  /// The word used in pass lists, in kebab case.
  static var name: String { get }
  /// One line: what it does.
  static var summary: String { get }
  /// What a user must know beyond the options, in Markdown paragraphs.
  static var details: String { get }
  /// Every option, in the order of documentation and canonical print.
  static var options: [OptionDeclaration] { get }

  /// - Throws: where options that are right one by one are not right together.
  init(_ values: OptionValues) throws(OptionConflict)

  /// Says, from shapes and encodings alone, what the pass will do. `swage plan` shows it and the run obeys it.
  /// - Throws: whatever makes the pass impossible on this model at this place of the list.
  func plan(_ outline: inout OutlineEditor) throws(PassError)

  /// What the pass takes to do what it planned. A pass that holds no more than a few rows need not say.
  func demand(of plan: StepPlan, threadCount: Int) -> WorkDemand
}

extension CompressionPass {
  public func demand(of plan: StepPlan, threadCount: Int) -> WorkDemand { WorkDemand() }
}

/// A pass that sees the whole model.
public protocol ModelPass: CompressionPass {
  /// Whether it evaluates candidates, or looks at the inputs or the influence of blocks.
  var needsCalibration: Bool { get }
  /// The most it has to know about the inputs inside a block.
  var calibrationNeed: CalibrationNeed { get }
  /// Whether it tries candidates against the original.
  var evaluatesCandidates: Bool { get }

  /// - Returns: the analyses that still hold afterwards.
  func run(on model: ModelEditor) throws -> PreservedAnalyses
}

extension ModelPass {
  public var needsCalibration: Bool { false }
  public var calibrationNeed: CalibrationNeed { needsCalibration ? .gram : .none }
  public var evaluatesCandidates: Bool { needsCalibration }
}

/// A pass that sees one block at a time, in order.
public protocol BlockPass: CompressionPass {
  /// What it has to know about the inputs inside the block.
  var calibrationNeed: CalibrationNeed { get }

  /// Gives every parameter that `plan` assigned an encoding in this block its new value.
  /// - Returns: the analyses that still hold afterwards.
  func run(on block: BlockEditor) throws -> PreservedAnalyses
}

extension BlockPass {
  public var calibrationNeed: CalibrationNeed { .none }
}

/// A block pass that must see the whole model before it can say what each block gets: it leaves intents, and is then
/// planned again.
public protocol SurveyingPass: BlockPass {
  /// Whether the options call for a survey at all.
  var needsSurvey: Bool { get }
  /// Whether the survey tries candidates against the original.
  var evaluatesCandidates: Bool { get }

  /// Looks at the model as the step finds it and sets intents with ``ModelEditor/setIntent(_:of:)``.
  func survey(_ model: ModelEditor) throws
}

/// A block pass that is a pure function of each row of each parameter, so that the manager may cut the work at any row.
public protocol ParameterPass: BlockPass {
  /// Encodes consecutive rows of a parameter.
  /// - Parameters:
  ///   - rows: finite weights of `shape`, row-major.
  ///   - encoding: what `plan` assigned to the parameter.
  /// - Throws: for a weight that the encoding cannot hold.
  func encode(_ rows: Span<Float>, shape: MatrixShape, as encoding: Encoding) throws(WeightFault) -> EncodedRows
}

/// A weight that stops a pass.
public struct WeightFault: Error, Equatable {
  public enum Kind: Sendable, Equatable {
    case notFinite
    case tooLarge(for: ElementType)
  }

  public let kind: Kind
  public let row: Int
  public let column: Int
  public let value: Float

  public init(kind: Kind, row: Int, column: Int, value: Float) {
    self.kind = kind
    self.row = row
    self.column = column
    self.value = value
  }

  /// Compares the value by its bits, so that a NaN equals itself.
  public static func == (a: WeightFault, b: WeightFault) -> Bool {
    a.kind == b.kind && a.row == b.row && a.column == b.column && a.value.bitPattern == b.value.bitPattern
  }
}
