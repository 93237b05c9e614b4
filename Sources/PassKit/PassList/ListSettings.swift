/// The `calibration` section of a list: the text that calibrated passes look at, and how it is sampled.
public struct CalibrationSettings: Sendable, Equatable {
  static let textOption = PassOption<String>.text("text", "file with the calibration text")
    .optional(unset: "given on the command line, if a pass needs it")
  static let fieldOption = PassOption<String>.text(
    "field", "field that holds the text, for files of one JSON object a line"
  )
  .optional(unset: "the file is plain text")
  static let sequencesOption = PassOption<Int>.integer(
    "sequences", in: 1...1_000_000, default: 128, "sequences to sample")
  static let lengthOption = PassOption<Int>.integer("length", in: 1...1_048_576, default: 256, "tokens in a sequence")
  static let seedOption = PassOption<Int>.integer("seed", in: 0...Int.max, default: 1, "seed of the sampling")

  static let options = [
    textOption.declaration, fieldOption.declaration, sequencesOption.declaration, lengthOption.declaration,
    seedOption.declaration,
  ]

  let values: OptionValues

  /// As it was written; relative to the list's folder.
  public var text: String? { values[Self.textOption] }
  public var field: String? { values[Self.fieldOption] }
  public var sequenceCount: Int { values[Self.sequencesOption] }
  /// Tokens in a sequence.
  public var length: Int { values[Self.lengthOption] }
  public var seed: Int { values[Self.seedOption] }

  /// How the text is sampled, in one line, without where it lies.
  public var samplingText: String {
    values.pairs.filter { $0.name != Self.textOption.declaration.name }
      .map { "\($0.name)=\($0.value.text)" }.joined(separator: " ")
  }
}

/// What the command line says about calibration in place of a list; nil leaves what the list says.
public struct CalibrationOverrides: Sendable, Equatable {
  /// A path from the working folder.
  public var text: String?
  public var field: String?
  public var sequenceCount: Int?
  /// Tokens in a sequence.
  public var length: Int?
  public var seed: Int?

  public init(
    text: String? = nil, field: String? = nil, sequenceCount: Int? = nil, length: Int? = nil, seed: Int? = nil
  ) {
    self.text = text
    self.field = field
    self.sequenceCount = sequenceCount
    self.length = length
    self.seed = seed
  }

  /// The options as they would stand in a list.
  var written: [WrittenOption] {
    let pairs: [(name: String, option: String, value: String?)] = [
      ("text", "--calibration", text), ("field", "--calibration-field", field),
      ("sequences", "--calibration-sequences", sequenceCount.map { String($0) }),
      ("length", "--calibration-length", length.map { String($0) }), ("seed", "--seed", seed.map { String($0) }),
    ]
    return pairs.compactMap { pair in
      pair.value.map { WrittenOption(name: pair.name, value: .scalar($0), place: .option(pair.option)) }
    }
  }
}

/// The `verify` section of a list: what is measured after a compile, and the gates it must meet.
public struct VerifySettings: Sendable, Equatable {
  static let textOption = PassOption<String>.text("text", "file with the text to measure on")
    .optional(unset: "given on the command line, or nothing is measured")
  static let tokensOption = PassOption<Int>.integer("tokens", in: 2...Int.max, "tokens to measure at most")
    .optional(unset: "the whole text")
  static let windowOption = PassOption<Int>.integer("window", in: 2...1_048_576, default: 256, "tokens in a window")
  static let perplexityOption = PassOption<Double>
    .fraction("max-perplexity-increase", in: 0...1_000, "gate: growth of the perplexity, as a share of the original's")
    .optional(unset: "no gate")
  static let divergenceOption = PassOption<Double>
    .number("max-kl", in: 0...1_000, "gate: mean KL divergence from the original, in nats").optional(unset: "no gate")
  static let agreementOption = PassOption<Double>
    .fraction("min-agreement", in: 0...1, "gate: share of positions with the original's most likely token")
    .optional(unset: "no gate")

  static let options = [
    textOption.declaration, tokensOption.declaration, windowOption.declaration, perplexityOption.declaration,
    divergenceOption.declaration, agreementOption.declaration,
  ]

  let values: OptionValues

  /// As it was written; relative to the list's folder.
  public var text: String? { values[Self.textOption] }
  /// Nil for the whole text.
  public var tokenCount: Int? { values[Self.tokensOption] }
  /// Tokens in a window.
  public var window: Int { values[Self.windowOption] }
  /// A share: 0.05 lets the perplexity grow by 5 %.
  public var maxPerplexityIncrease: Double? { values[Self.perplexityOption] }
  /// In nats.
  public var maxDivergence: Double? { values[Self.divergenceOption] }
  public var minAgreement: Double? { values[Self.agreementOption] }
}
