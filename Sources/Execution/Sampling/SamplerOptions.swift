/// How the next token is chosen.
public struct SamplerOptions: Sendable, Hashable {
  /// Divides the logits; 0 takes the most likely token always.
  public let temperature: Float
  /// Chooses among the most likely `topK` tokens; 0 among all.
  public let topK: Int
  /// Chooses among the fewest most likely tokens that together have at least this probability; 1 among all.
  public let topP: Float
  /// Drops tokens less likely than this times the most likely one; 0 drops none.
  public let minP: Float
  /// Divides positive logits of tokens already present, and multiplies negative ones (Keskar et al. 2019, §4.1).
  public let repetitionPenalty: Float
  public let seed: UInt64

  /// - Throws: `ExecutionError.samplerOption` for a value outside its bounds.
  public init(
    temperature: Float = 0.8, topK: Int = 0, topP: Float = 0.95, minP: Float = 0, repetitionPenalty: Float = 1,
    seed: UInt64 = 0
  ) throws(ExecutionError) {
    try Self.require("temperature", temperature, in: 0...100)
    try Self.require("top-k", topK, in: 0...Int(Int32.max))
    try Self.require("top-p", topP, in: 0...1)
    try Self.require("min-p", minP, in: 0...1)
    try Self.require("repetition-penalty", repetitionPenalty, in: 0.01...100)
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.seed = seed
  }

  /// The most likely token always.
  public static var greedy: SamplerOptions {
    get throws(ExecutionError) { try SamplerOptions(temperature: 0) }
  }

  private static func require<Value: Comparable>(
    _ name: String, _ value: Value, in bounds: ClosedRange<Value>
  ) throws(ExecutionError) {
    guard bounds.contains(value) else {
      throw .samplerOption(name: name, value: "\(value)", bounds: "\(bounds.lowerBound)…\(bounds.upperBound)")
    }
  }
}
