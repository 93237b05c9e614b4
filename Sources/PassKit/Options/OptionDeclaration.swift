/// One option of a pass, declared once: parsing, bounds, default, documentation and canonical print all come from it.
public struct OptionDeclaration: Sendable, Hashable {
  /// In kebab case: `max-perplexity-increase`.
  public let name: String
  public let kind: OptionKind
  public let fallback: OptionFallback
  /// One line for the documentation.
  public let summary: String
}

/// What holds when an option is not given.
public enum OptionFallback: Sendable, Hashable {
  case value(OptionValue)
  /// Leaving the option out is an error.
  case required
  /// No value; the words say what the pass then does.
  case unset(meaning: String)
}

/// What an option takes, with its bounds.
public enum OptionKind: Sendable, Hashable {
  case integer(ClosedRange<Int>)
  case number(ClosedRange<Double>)
  /// A share, as `0.05` or `5%`.
  case fraction(ClosedRange<Double>)
  case boolean
  /// One of these words.
  case choice([String])
  /// A number of bytes: `8GiB`, `500MB`, `1024`.
  case byteSize
  case integers(ClosedRange<Int>)
  /// Globs over parameter names.
  case globs
  /// N of every M consecutive weights are kept; 1 ≤ N < M ≤ the limit.
  case pattern(largestGroup: Int)
  /// Encodings to choose from.
  case candidates
  case text
  /// Names of tasks, each with a file.
  case taskFiles
}

/// The value of an option.
public enum OptionValue: Sendable, Hashable {
  case integer(Int)
  case number(Double)
  case boolean(Bool)
  case word(String)
  case byteSize(Int)
  case integers([Int])
  case globs([Glob])
  case pattern(KeptPattern)
  case candidates([EncodingCandidate])
  case text(String)
  case taskFiles([TaskFile])
}

/// A file that stands for a task, printed `prose=a.txt`.
public struct TaskFile: Sendable, Hashable {
  public let task: String
  public let path: String

  public init(task: String, path: String) {
    self.task = task
    self.path = path
  }

  /// What the runtime takes for "the task that fits the prompt", so that no task can be called so.
  private static let reservedName = "auto"

  /// Whether the task has a name that a command line can tell from all else.
  var hasValidName: Bool {
    (1...64).contains(task.utf8.count) && task != Self.reservedName
      && task.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
  }
}

/// `kept` of every `group` consecutive weights of a row are kept; printed `2:4`.
public struct KeptPattern: Sendable, Hashable {
  public let kept: Int
  public let group: Int

  public init(kept: Int, group: Int) {
    self.kept = kept
    self.group = group
  }
}

extension OptionKind {
  /// What the option takes, in words that follow "takes".
  public var expectation: String {
    switch self {
    case .integer(let range): "an integer \(Self.words(range))"
    case .number(let range): "a number \(Self.words(range))"
    case .fraction(let range): "a share \(Self.words(range)), such as 0.05 or 5%"
    case .boolean: "true or false"
    case .choice(let words): words.count == 1 ? "only \(words[0])" : "one of \(words.joined(separator: ", "))"
    case .byteSize: "a size such as 8GiB, 500MB or 1024"
    case .integers(let range): "integers \(Self.words(range)), separated by commas"
    case .globs: "a glob over parameter names, or a list of them"
    case .pattern(let limit): "a pattern N:M with N below M and M at most \(limit), such as 2:4"
    case .candidates: "encodings separated by commas, such as 2,3,4g32,6s,t3,2:4x4,bf16"
    case .text: "a text"
    case .taskFiles:
      "names of tasks with a file each, such as { prose: a.txt, code: b.txt }; a name has up to 64 letters, digits and "
        + "-_., and is not 'auto'"
    }
  }

  /// The short form for a table: `2…8`, `f32|f16|bf16`.
  public var notation: String {
    switch self {
    case .integer(let range): Self.notation(range)
    case .number(let range): Self.notation(range)
    case .fraction(let range): "\(Self.notation(range))|\(Self.notation(range, factor: 100, unit: "%"))"
    case .boolean: "true|false"
    case .choice(let words): words.joined(separator: "|")
    case .byteSize: "SIZE"
    case .integers(let range): "\(Self.notation(range)),…"
    case .globs: "GLOB,…"
    case .pattern: "N:M"
    case .candidates: "CANDIDATE,…"
    case .text: "TEXT"
    case .taskFiles: "{ TASK: FILE, … }"
    }
  }

  private static func words(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
  }

  private static func words(_ range: ClosedRange<Double>) -> String {
    "from \(OptionValue.decimal(range.lowerBound)) to \(OptionValue.decimal(range.upperBound))"
  }

  private static func notation(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max ? "\(range.lowerBound)…" : "\(range.lowerBound)…\(range.upperBound)"
  }

  private static func notation(_ range: ClosedRange<Double>, factor: Double = 1, unit: String = "") -> String {
    [range.lowerBound, range.upperBound].map { OptionValue.decimal($0 * factor) + unit }.joined(separator: "…")
  }
}
