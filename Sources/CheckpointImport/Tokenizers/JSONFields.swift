import ForeignFormats

/// The members of an object in a tokenizer's file, taken with the type they must have.
struct JSONFields {
  let object: JSONObject
  let file: String
  let place: String

  init(_ value: JSONValue, file: String, place: String) throws(TokenizerImportError) {
    guard let object = value.object else {
      throw .malformed(file: file, place: place, why: "it is \(value.kind), not an object")
    }
    self.object = object
    self.file = file
    self.place = place
  }

  /// The value of a member, nil when it is absent or null.
  func value(_ key: String) -> JSONValue? {
    guard let value = object[key], !value.isNull else { return nil }
    return value
  }

  func fields(_ key: String) throws(TokenizerImportError) -> JSONFields? {
    guard let value = value(key) else { return nil }
    return try JSONFields(value, file: file, place: place(of: key))
  }

  func string(_ key: String) throws(TokenizerImportError) -> String? { try typed(key, "a string", \.string) }

  func bool(_ key: String) throws(TokenizerImportError) -> Bool? { try typed(key, "a boolean", \.bool) }

  func array(_ key: String) throws(TokenizerImportError) -> [JSONValue]? { try typed(key, "an array", \.array) }

  func integer(_ key: String) throws(TokenizerImportError) -> Int? {
    try typed(key, "an integer", \.integer).map { Int($0) }
  }

  func required<Value>(_ key: String, _ value: Value?) throws(TokenizerImportError) -> Value {
    guard let value else { throw malformed("it has no \"\(key)\"") }
    return value
  }

  func malformed(_ why: String) -> TokenizerImportError { .malformed(file: file, place: place, why: why) }

  func unsupported(_ component: String, _ found: String, supported: String) -> TokenizerImportError {
    .unsupported(file: file, component: component, found: found, supported: supported)
  }

  private func place(of key: String) -> String { "\"\(key)\" of \(place)" }

  private func typed<Value>(
    _ key: String, _ expected: String, _ cast: (JSONValue) -> Value?
  ) throws(TokenizerImportError) -> Value? {
    guard let value = value(key) else { return nil }
    guard let result = cast(value) else {
      throw .malformed(file: file, place: place(of: key), why: "it is \(value.kind), not \(expected)")
    }
    return result
  }
}
