import LinearAlgebra
import ModelGraph
import ModelIR

/// What a pass has to know about the inputs of the matrices it takes; each includes those before it.
public enum CalibrationNeed: Int, Sendable, Comparable {
  case none
  /// The mean of x² for every input element.
  case meanSquares
  /// Σ x·xᵀ over the calibration tokens.
  case gram

  public static func < (a: CalibrationNeed, b: CalibrationNeed) -> Bool { a.rawValue < b.rawValue }
}

/// Runs calibration text through a model beside a sweep over its blocks, so that each block is compressed against the
/// inputs it will really get from the compressed blocks before it.
public protocol SweepCalibration: AnyObject {
  /// The tasks that the calibration texts stand for, in order; none where there is one text without a name.
  var taskNames: [String] { get }

  /// Puts the hidden states back to the beginning of the model.
  func restart(on model: Model) throws

  /// The inputs inside `block`, the next one of the sweep, with the values it has in `model` now.
  /// - Parameters:
  ///   - need: what will be asked for.
  ///   - parameters: whose inputs will be asked for, in the order they will be.
  func inputs(
    of block: Block, in model: Model, need: CalibrationNeed, parameters: [String]
  ) throws -> any BlockInputs

  /// How much `block`, the next one of the sweep, changes the hidden states: 1 − the mean over the calibration tokens of
  /// the cosine between a token's activation before and after it (ShortGPT, arXiv 2403.03853, eq. 1). Moves nothing.
  ///
  /// The block must read one activation and leave one of the same width. A token without length before or after counts
  /// as a cosine of 0.
  func blockInfluence(of block: Block, in model: Model) throws -> Double

  /// How the mixtures of `block`, the next one of the sweep, use their experts, and what each of the tasks has in it.
  /// Moves nothing.
  /// - Throws: `PassError.statisticsNotFinite`.
  func mixtureUses(in block: Block, of model: Model) throws -> [MixtureUse]

  /// How sure the routers of `block`, the next one of the sweep, are of the experts they choose. Moves nothing.
  /// - Throws: `PassError.statisticsNotFinite`.
  func gateSamples(in block: Block, of model: Model) throws -> [GateSample]

  /// How much the experts that `candidate` has in `block`, the next one of the sweep, change the results of its
  /// mixtures: Σ g²·‖f̂(x) − f(x)‖² over the tokens of each expert, g its gate. Moves nothing.
  /// - Parameter candidate: `model` with other values of experts.
  /// - Returns: for every mixture of the block, by expert.
  /// - Throws: `PassError.statisticsNotFinite`.
  func expertErrors(in block: Block, of candidate: Model, from model: Model) throws -> [[Double]]

  /// Moves the hidden states through `block` as it is in `model` now.
  func advance(through block: Block, in model: Model) throws
}

extension SweepCalibration {
  public var taskNames: [String] { [] }
}

/// What is known about the inputs of the matrices of one block.
///
/// Matrices that read the same activation share their statistics. An expert has those of the tokens routed to it.
public protocol BlockInputs {
  /// Tokens that reached the matrix.
  func tokenCount(ofInputsTo parameter: String) throws -> Int

  /// Mean of x² over those tokens, per input element; all zero where there were none.
  /// - Throws: `PassError.statisticsNotFinite`.
  func meanSquares(ofInputsTo parameter: String) throws -> [Float]

  /// Σ x·xᵀ over those tokens.
  ///
  /// Ask in the order of the parameters: a large block holds only a part of its statistics at a time.
  /// - Throws: `PassError.statisticsNotFinite`.
  func gram(ofInputsTo parameter: String) throws -> Gram
}

/// How much a candidate differs from the original, on text that no statistics were taken from.
public struct CandidateAccuracy: Sendable, Equatable {
  /// Perplexity of the candidate over that of the original, and one standard error of it.
  public var perplexityRatio: Double
  public var perplexityRatioError: Double
  /// Mean KL(original ‖ candidate) in nats per token, and one standard error of it.
  public var divergence: Double
  public var divergenceError: Double
  /// Share of positions whose most likely token agrees.
  public var agreement: Double
  public var agreementError: Double
  /// Positions measured.
  public var tokenCount: Int

  public init(
    perplexityRatio: Double, perplexityRatioError: Double, divergence: Double, divergenceError: Double,
    agreement: Double, agreementError: Double, tokenCount: Int
  ) {
    self.perplexityRatio = perplexityRatio
    self.perplexityRatioError = perplexityRatioError
    self.divergence = divergence
    self.divergenceError = divergenceError
    self.agreement = agreement
    self.agreementError = agreementError
    self.tokenCount = tokenCount
  }
}

/// Runs candidates against the original: the true evaluation of passes that search.
public protocol CandidateEvaluation: AnyObject {
  /// The accuracy of `candidate` on all evaluation windows.
  func accuracy(of candidate: Model) throws -> CandidateAccuracy

  /// By how much `candidate` changes the output of `reference`, on a sample of positions, in coordinates in which the
  /// squared length is twice the KL divergence to second order: √p·(r − Σ p·r) over the most likely tokens of each
  /// position, p the probabilities of the reference and r the change of the logits, divided by √positions.
  ///
  /// Dot products of two such vectors are the inter-layer terms of arXiv 2306.04879 in the Fisher metric.
  /// - Parameter block: the first block in which the two differ; those before it are not run again.
  func outputChange(of candidate: Model, from reference: Model, firstChangedBlock block: Int) throws -> [Float]
}
