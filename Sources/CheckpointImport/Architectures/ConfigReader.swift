import ForeignFormats

/// Typed reading of a `config.json`. A key whose value is null counts as absent.
struct ConfigReader {
  /// The file, for messages.
  let source: String
  /// Keys that lead to this object, such as `rope_parameters.`, for messages.
  private let prefix: String
  private let object: JSONObject

  init(_ document: JSONValue, source: String) throws(ConfigError) {
    guard let object = document.object else { throw .notAnObject(source: source) }
    self.init(object, source: source, prefix: "")
  }

  private init(_ object: JSONObject, source: String, prefix: String) {
    self.object = object
    self.source = source
    self.prefix = prefix
  }

  func has(_ key: String) -> Bool { value(key) != nil }

  /// Whether the key is there, even if its value is null.
  func states(_ key: String) -> Bool { object[key] != nil }

  /// The first of `keys` that is present decides; a required value has no default.
  func integer(
    _ keys: String..., in allowed: ClosedRange<Int>, default fallback: Int? = nil
  ) throws(ConfigError) -> Int {
    guard let key = keys.first(where: has) else {
      guard let fallback else { throw .missingKey(prefix + keys[0], source: source) }
      return fallback
    }
    return try optionalInteger(key, in: allowed) ?? fallback ?? 0
  }

  func optionalInteger(_ key: String, in allowed: ClosedRange<Int>) throws(ConfigError) -> Int? {
    guard let value = value(key) else { return nil }
    guard let integer = value.exactInteger else { throw wrongType(key, "an integer", value) }
    guard allowed.contains(integer) else {
      throw badValue(key, "\(integer)", "must lie in \(allowed.lowerBound)…\(allowed.upperBound)")
    }
    return integer
  }

  /// A finite number greater than zero; a required value has no default.
  func positive(_ key: String, default fallback: Double? = nil) throws(ConfigError) -> Double {
    if let number = try optionalPositive(key) { return number }
    guard let fallback else { throw .missingKey(prefix + key, source: source) }
    return fallback
  }

  func optionalPositive(_ key: String) throws(ConfigError) -> Double? {
    guard let value = value(key) else { return nil }
    guard let number = value.double else { throw wrongType(key, "a number", value) }
    guard number.isFinite, number > 0 else { throw badValue(key, "\(number)", "must be finite and greater than 0") }
    return number
  }

  func boolean(_ key: String, default fallback: Bool) throws(ConfigError) -> Bool {
    guard let value = value(key) else { return fallback }
    guard let boolean = value.bool else { throw wrongType(key, "true or false", value) }
    return boolean
  }

  func string(_ key: String) throws(ConfigError) -> String? {
    guard let value = value(key) else { return nil }
    guard let string = value.string else { throw wrongType(key, "a string", value) }
    return string
  }

  func strings(_ key: String) throws(ConfigError) -> [String]? {
    guard let value = value(key) else { return nil }
    guard let array = value.array else { throw wrongType(key, "a list of strings", value) }
    var strings: [String] = []
    for element in array {
      guard let string = element.string else { throw wrongType(key, "a list of strings", element) }
      strings.append(string)
    }
    return strings
  }

  /// A list of integers; a single integer counts as a list of one.
  func integers(_ key: String) throws(ConfigError) -> [Int]? {
    guard let value = value(key) else { return nil }
    var integers: [Int] = []
    for element in value.array ?? [value] {
      guard let integer = element.exactInteger else {
        throw wrongType(key, "an integer or a list of integers", element)
      }
      integers.append(integer)
    }
    return integers
  }

  /// The object at `key`, read with the same rules.
  func nested(_ key: String) throws(ConfigError) -> ConfigReader? {
    guard let value = value(key) else { return nil }
    guard let object = value.object else { throw wrongType(key, "an object", value) }
    return ConfigReader(object, source: source, prefix: "\(prefix)\(key).")
  }

  /// A number that keeps `rule`, nil for anything else.
  func figure(_ key: String, where rule: (Double) -> Bool) -> Double? {
    guard let number = value(key)?.double, number.isFinite, rule(number) else { return nil }
    return number
  }

  func badValue(_ key: String, _ value: String, _ rule: String) -> ConfigError {
    .badValue(key: prefix + key, value: value, rule: rule, source: source)
  }

  func unsupported(_ key: String, _ value: String, supported: String) -> ConfigError {
    .unsupportedValue(key: prefix + key, value: String(value.prefix(100)), supported: supported, source: source)
  }

  private func wrongType(_ key: String, _ expected: String, _ value: JSONValue) -> ConfigError {
    .wrongType(key: prefix + key, expected: expected, found: value.kind, source: source)
  }

  private func value(_ key: String) -> JSONValue? {
    guard let value = object[key], !value.isNull else { return nil }
    return value
  }
}

extension JSONValue {
  /// An integer, however it is spelled: `4096` or `4096.0`.
  fileprivate var exactInteger: Int? {
    integer.map { Int($0) } ?? double.flatMap { Int(exactly: $0) }
  }
}
