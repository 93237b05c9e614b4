import ModelGraph

/// Keeps the calibration of one sweep as far behind it as it may be: the hidden states move when somebody asks for the
/// inputs of a block, so that blocks after the last question, and sweeps taken whole from a journal, cost nothing.
final class SweepFollower {
  private let calibration: any SweepCalibration
  private let run: PassRun
  /// Blocks the hidden states have passed; nil before the first question.
  private var passedCount: Int?

  init(calibration: any SweepCalibration, run: PassRun) {
    self.calibration = calibration
    self.run = run
  }

  /// The inputs inside a block, given that those before it are done; nil where nothing has to be known about them.
  func inputs(ofBlock index: Int, need: CalibrationNeed, parameters: [String]) throws -> (any BlockInputs)? {
    guard need != .none else { return nil }
    let blocks = run.model.graph.blocks
    var passed = passedCount ?? 0
    if passedCount == nil { try calibration.restart(on: run.model) }
    while passed < index {
      if run.manager.isCancelled() { throw PassError.cancelled }
      try calibration.advance(through: blocks[passed], in: run.model)
      passed += 1
    }
    passedCount = passed
    return try calibration.inputs(of: blocks[index], in: run.model, need: need, parameters: parameters)
  }
}
