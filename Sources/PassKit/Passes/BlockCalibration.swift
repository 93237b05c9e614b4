import ModelGraph
import ModelIR

/// Runs calibration text through a model beside a sweep of block passes, so that each block is compressed against the
/// inputs it will really get from the compressed blocks before it.
public protocol SweepCalibration {
  /// The inputs of `block`, the next one of the sweep, whose values are still those before the sweep.
  func inputs(of block: Block, in model: Model) throws -> any BlockInputs

  /// Moves the hidden states through `block` as the sweep left it.
  func advance(through block: Block, in model: Model) throws
}

/// What is known about the inputs of one block.
public protocol BlockInputs {
  /// Mean over the calibration tokens of x², per input element of a parameter of the block.
  func meanSquares(ofInputsTo parameter: String) throws -> [Float]
}
