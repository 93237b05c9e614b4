/// A declared option together with the Swift type of its value.
///
/// A pass keeps its options as static constants, lists their declarations, and reads them from ``OptionValues``.
public struct PassOption<Value: Sendable>: Sendable {
  public let declaration: OptionDeclaration
  let extract: @Sendable (OptionValue?) -> Value?

  fileprivate init(
    _ name: String, _ kind: OptionKind, _ fallback: OptionValue?, _ summary: String,
    extract: @escaping @Sendable (OptionValue?) -> Value?
  ) {
    declaration = OptionDeclaration(
      name: name, kind: kind, fallback: fallback.map(OptionFallback.value) ?? .required, summary: summary)
    self.extract = extract
  }

  private init(_ declaration: OptionDeclaration, extract: @escaping @Sendable (OptionValue?) -> Value?) {
    self.declaration = declaration
    self.extract = extract
  }

  /// The same option without a default: nil when it is not given.
  /// - Parameter meaning: what the pass does then.
  public func optional(unset meaning: String) -> PassOption<Value?> {
    let declaration = OptionDeclaration(
      name: declaration.name, kind: declaration.kind, fallback: .unset(meaning: meaning), summary: declaration.summary)
    return PassOption<Value?>(declaration) { [extract] value in .some(value.flatMap(extract)) }
  }
}

extension PassOption where Value == Int {
  /// Without a default the option is required.
  public static func integer(
    _ name: String, in range: ClosedRange<Int>, default fallback: Int? = nil, _ summary: String
  ) -> PassOption {
    PassOption(name, .integer(range), fallback.map(OptionValue.integer), summary) { value in
      if case .integer(let value)? = value { value } else { nil }
    }
  }

  /// A number of bytes.
  public static func byteSize(_ name: String, default fallback: Int? = nil, _ summary: String) -> PassOption {
    PassOption(name, .byteSize, fallback.map(OptionValue.byteSize), summary) { value in
      if case .byteSize(let value)? = value { value } else { nil }
    }
  }
}

extension PassOption where Value == Double {
  public static func number(
    _ name: String, in range: ClosedRange<Double>, default fallback: Double? = nil, _ summary: String
  ) -> PassOption {
    PassOption(name, .number(range), fallback.map(OptionValue.number), summary, extract: Self.number)
  }

  /// A share, also accepted as a percentage.
  public static func fraction(
    _ name: String, in range: ClosedRange<Double>, default fallback: Double? = nil, _ summary: String
  ) -> PassOption {
    PassOption(name, .fraction(range), fallback.map(OptionValue.number), summary, extract: Self.number)
  }

  @Sendable private static func number(_ value: OptionValue?) -> Double? {
    if case .number(let value)? = value { value } else { nil }
  }
}

extension PassOption where Value == Bool {
  public static func boolean(_ name: String, default fallback: Bool? = nil, _ summary: String) -> PassOption {
    PassOption(name, .boolean, fallback.map(OptionValue.boolean), summary) { value in
      if case .boolean(let value)? = value { value } else { nil }
    }
  }
}

extension PassOption where Value: RawRepresentable<String> & CaseIterable {
  /// One of the type's cases, by raw value.
  public static func choice(_ name: String, default fallback: Value? = nil, _ summary: String) -> PassOption {
    let words = Value.allCases.map(\.rawValue)
    return PassOption(name, .choice(words), (fallback?.rawValue).map(OptionValue.word), summary) { value in
      if case .word(let word)? = value { Value(rawValue: word) } else { nil }
    }
  }
}

extension PassOption where Value == [Int] {
  public static func integers(
    _ name: String, in range: ClosedRange<Int>, default fallback: [Int]? = nil, _ summary: String
  ) -> PassOption {
    PassOption(name, .integers(range), fallback.map(OptionValue.integers), summary) { value in
      if case .integers(let values)? = value { values } else { nil }
    }
  }
}

extension PassOption where Value == [Glob] {
  public static func globs(_ name: String, _ summary: String) -> PassOption {
    PassOption(name, .globs, nil, summary) { value in
      if case .globs(let globs)? = value { globs } else { nil }
    }
  }
}

extension PassOption where Value == KeptPattern {
  public static func pattern(
    _ name: String, largestGroup: Int, default fallback: KeptPattern? = nil, _ summary: String
  ) -> PassOption {
    PassOption(name, .pattern(largestGroup: largestGroup), fallback.map(OptionValue.pattern), summary) { value in
      if case .pattern(let pattern)? = value { pattern } else { nil }
    }
  }
}

extension PassOption where Value == [EncodingCandidate] {
  public static func candidates(
    _ name: String, default fallback: [EncodingCandidate]? = nil, _ summary: String
  ) -> PassOption {
    PassOption(name, .candidates, fallback.map(OptionValue.candidates), summary) { value in
      if case .candidates(let candidates)? = value { candidates } else { nil }
    }
  }
}

extension PassOption where Value == String {
  public static func text(_ name: String, default fallback: String? = nil, _ summary: String) -> PassOption {
    PassOption(name, .text, fallback.map(OptionValue.text), summary) { value in
      if case .text(let text)? = value { text } else { nil }
    }
  }
}

extension PassOption where Value == [TaskFile] {
  static func taskFiles(_ name: String, _ summary: String) -> PassOption {
    PassOption(name, .taskFiles, nil, summary) { value in
      if case .taskFiles(let value)? = value { value } else { nil }
    }
  }
}
