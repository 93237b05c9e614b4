import Encodings
import ModelIR

/// What a list will do to a model, worked out from shapes and encodings alone.
public struct PassPlan: Sendable {
  public let steps: [StepPlan]
  /// The model after the last step.
  public let outline: ModelOutline

  /// Goes through the steps in order, each on what the one before it leaves behind.
  /// - Throws: `StepFailure` for the first step that cannot be done.
  public init(_ steps: [PassStep], on outline: ModelOutline) throws(StepFailure) {
    var outline = outline
    var plans: [StepPlan] = []
    for (index, step) in steps.enumerated() {
      let plan = try StepPlan(number: index + 1, step, on: outline)
      plans.append(plan)
      outline = plan.outline
    }
    self.steps = plans
    self.outline = outline
  }

  /// Whether some step looks at calibration text.
  public var needsCalibration: Bool { steps.contains(where: \.step.needsCalibration) }

  /// - Throws: `StepFailure` for the first step that looks at calibration text.
  public func requireNoCalibration() throws(StepFailure) {
    for plan in steps where plan.step.needsCalibration {
      throw StepFailure(number: plan.number, step: plan.step, error: .needsCalibration)
    }
  }
}

/// What one step will do.
public struct StepPlan: Sendable {
  /// Counts from 1.
  public let number: Int
  public let step: PassStep
  /// The parameters it rewrites, in the graph's order, with their encodings before and after.
  public let assignments: [EncodingAssignment]
  /// What the pass has to say about its choice.
  public let notes: [String]
  /// Bytes of all values of the model.
  public let byteCountBefore: Int
  public let byteCountAfter: Int
  /// The model after the step.
  public let outline: ModelOutline

  init(number: Int, _ step: PassStep, on outline: ModelOutline) throws(StepFailure) {
    var editor = OutlineEditor(outline)
    do {
      try step.pass.plan(&editor)
    } catch {
      throw StepFailure(number: number, step: step, error: error)
    }
    self.number = number
    self.step = step
    assignments = editor.assignments
    notes = editor.notes
    byteCountBefore = outline.sizes.total.byteCount
    byteCountAfter = editor.outline.sizes.total.byteCount
    self.outline = editor.outline
  }

  /// The unit of the run that does the step, where its pass sees the whole model.
  public var unit: String { "step \(number)" }

  /// Bytes the step reads: the values it rewrites, as they were.
  var sourceByteCount: Int { assignments.reduce(0) { $0 + $1.before.byteCount(of: $1.shape) } }
}
