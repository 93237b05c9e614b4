/// The `calibration` section of a list: the text that calibrated passes look at, and how it is sampled.
public struct CalibrationSettings: Sendable, Equatable {
  static let textOption = PassOption<String>.text("text", "file with the calibration text")
    .optional(unset: "given on the command line, if a pass needs it")
  static let tasksOption = PassOption<[TaskFile]>.taskFiles(
    "tasks", "files with the texts of tasks, in place of `text`; sequences are shared out evenly"
  )
  .optional(unset: "one text for all")
  static let fieldOption = PassOption<String>.text(
    "field", "field that holds the text, for files of one JSON object a line"
  )
  .optional(unset: "the file is plain text")
  static let sequencesOption = PassOption<Int>.integer(
    "sequences", in: 1...1_000_000, default: 128, "sequences to sample")
  static let lengthOption = PassOption<Int>.integer("length", in: 1...1_048_576, default: 256, "tokens in a sequence")
  static let seedOption = PassOption<Int>.integer("seed", in: 0...Int.max, default: 1, "seed of the sampling")

  static let options = [
    textOption.declaration, tasksOption.declaration, fieldOption.declaration, sequencesOption.declaration, lengthOption.declaration,
    seedOption.declaration,
  ]

  /// What says where the texts lie.
  static let fileOptions = [textOption.declaration, tasksOption.declaration]

  let values: OptionValues

  /// - Throws: where it names both one text and those of tasks.
  init(values: OptionValues, place: SourcePlace) throws(PassListError) {
    self.values = values
    guard text == nil || tasks.isEmpty else {
      throw .conflict(
        pass: "calibration",
        OptionConflict(
          what: "there is a text, and there are texts of tasks", why: "every text is that of a task, or there is one",
          fix: "name the text under tasks too, or remove one of the two"), place: place)
    }
  }

  fileprivate init(values: OptionValues) { self.values = values }

  /// As it was written; relative to the list's folder.
  public var text: String? { values[Self.textOption] }
  /// The tasks with their files as they were written, in order.
  public var tasks: [TaskFile] { values[Self.tasksOption] ?? [] }
  public var field: String? { values[Self.fieldOption] }
  public var sequenceCount: Int { values[Self.sequencesOption] }
  /// Tokens in a sequence.
  public var length: Int { values[Self.lengthOption] }
  public var seed: Int { values[Self.seedOption] }

  /// How the text is sampled, in one line, without where it lies.
  public var samplingText: String {
    values.removing(Self.fileOptions).pairs.map { "\($0.name)=\($0.value.text)" }.joined(separator: " ")
  }

  /// The files, the one text or those of the tasks.
  var files: [CalibrationFile] {
    text.map { [CalibrationFile(task: nil, path: $0)] } ?? tasks.map { CalibrationFile(task: $0.task, path: $0.path) }
  }

  /// The same with the names of the files only.
  func mappingPaths(_ change: (String) -> String) -> CalibrationSettings {
    CalibrationSettings(values: values.mappingPaths(of: Self.fileOptions, change))
  }
}

/// A file with calibration text, and the task it stands for, if it has a name.
public struct CalibrationFile: Sendable, Hashable {
  public let task: String?
  public let path: String

  public init(task: String?, path: String) {
    self.task = task
    self.path = path
  }
}

/// What the command line says about calibration in place of a list; nil leaves what the list says.
public struct CalibrationOverrides: Sendable, Equatable {
  /// Paths are from the working folder; none leaves the list's texts.
  public var files: [CalibrationFile]
  public var field: String?
  public var sequenceCount: Int?
  /// Tokens in a sequence.
  public var length: Int?
  public var seed: Int?

  public init(
    files: [CalibrationFile] = [], field: String? = nil, sequenceCount: Int? = nil, length: Int? = nil,
    seed: Int? = nil
  ) {
    self.files = files
    self.field = field
    self.sequenceCount = sequenceCount
    self.length = length
    self.seed = seed
  }

  /// The options as they would stand in a list.
  /// - Throws: for several texts of which one has no task, or two have the same.
  func written() throws(PassListError) -> [WrittenOption] {
    let pairs: [(name: String, option: String, value: String?)] = [
      ("field", "--calibration-field", field),
      ("sequences", "--calibration-sequences", sequenceCount.map { String($0) }),
      ("length", "--calibration-length", length.map { String($0) }), ("seed", "--seed", seed.map { String($0) }),
    ]
    return try writtenFiles()
      + pairs.compactMap { pair in
        pair.value.map { WrittenOption(name: pair.name, value: .scalar($0), place: .option(pair.option)) }
      }
  }

  private func writtenFiles() throws(PassListError) -> [WrittenOption] {
    let place = SourcePlace.option("--calibration")
    guard let first = files.first else { return [] }
    if files.count == 1, first.task == nil {
      return [WrittenOption(name: "text", value: .scalar(first.path), place: place)]
    }
    var entries: [WrittenValue.Entry] = []
    for file in files {
      guard let task = file.task else {
        throw .conflict(
          pass: "calibration",
          OptionConflict(
            what: "--calibration is given \(files.count) times, and not always with the name of a task",
            why: "several texts are told apart by their tasks",
            fix: "write --calibration prose=FILE --calibration code=FILE"), place: place)
      }
      guard !entries.contains(where: { $0.key == task }) else {
        throw .duplicateOption(owner: "calibration", option: task, place: place)
      }
      entries.append(WrittenValue.Entry(key: task, text: file.path))
    }
    return [WrittenOption(name: "tasks", value: .mapping(entries), place: place)]
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

  /// The same with the name of the file only.
  func mappingPaths(_ change: (String) -> String) -> VerifySettings {
    VerifySettings(values: values.mappingPaths(of: [Self.textOption.declaration], change))
  }

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
