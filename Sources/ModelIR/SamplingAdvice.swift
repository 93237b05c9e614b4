/// What a checkpoint's `generation_config.json` recommends for sampling; nil where it says nothing. A pack carries it on.
public struct SamplingAdvice: Sendable, Equatable {
  /// 0 and more.
  public var temperature: Double?
  /// At least 1.
  public var topK: Int?
  /// 0…1.
  public var topP: Double?
  /// 0…1.
  public var minP: Double?
  /// Above 0.
  public var repetitionPenalty: Double?
  /// False asks for greedy decoding.
  public var samples: Bool?

  public init() {}
}
