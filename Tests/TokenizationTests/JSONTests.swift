import ForeignFormats
import Testing

@Suite struct JSONTests {
  private func parse(_ text: String) throws(JSONError) -> JSONValue { try parseJSON(Array(text.utf8)) }

  @Test func everyKindIsRead() throws {
    let value = try parse(#" {"a": [null, true, false, -7, 2.5, 1e30, "x\u00e9\n\u0000"], "": {}} "#)
    #expect(
      value["a"]
        == .array([
          .null, .bool(true), .bool(false), .integer(-7), .number(2.5), .number(1e30), .string("x\u{e9}\n\0"),
        ]))
    #expect(value[""]?.object?.count == 0)
    #expect(value["b"] == nil)
    #expect(try parse("3") == .integer(3))
  }

  @Test func membersKeepTheOrderOfTheFile() throws {
    let keys = (0..<500).map { "k\(($0 * 7_919) % 1_000)" }
    let text = "{" + keys.map { "\"\($0)\":\"\($0)!\"" }.joined(separator: ",") + "}"
    let object = try required(parse(text).object)
    #expect(Array(object.keys) == keys)
    for key in keys { #expect(object[key]?.string == key + "!") }
    #expect(object["k1000"] == nil)
  }

  /// Swift holds the two spellings of é for equal strings; as keys they differ.
  @Test(arguments: [0, 40]) func canonicallyEqualKeysAreTwoKeys(padding: Int) throws {
    let others = (0..<padding).map { "\"p\($0)\":0," }.joined()
    let object = try required(parse("{\(others)\"\u{e9}\":1,\"e\u{301}\":2}").object)
    #expect(object["\u{e9}"] == .integer(1))
    #expect(object["e\u{301}"] == .integer(2))
  }

  @Test func integersBeyond64BitsAreNumbers() throws {
    let value = try parse(
      #"{"big": 1000000000000000019884624838656, "least": -9223372036854775808, "most": 9223372036854775807,"#
        + #" "over": 9223372036854775808, "real": 12345678901234567890.5e-3,"#
        + #" "text": "99999999999999999999\"9", "n": [-1]}"#
    )
    #expect(value["big"] == .number(1000000000000000019884624838656))
    #expect(value["least"] == .integer(.min))
    #expect(value["most"] == .integer(.max))
    #expect(value["over"] == .number(9223372036854775808))
    #expect(value["real"] == .number(12345678901234567.8905))
    #expect(value["text"] == .string("99999999999999999999\"9"))
    #expect(value["n"] == .array([.integer(-1)]))
    #expect(value["big"]?.integer == nil)
    #expect(value["big"]?.double == 1e30)
  }

  @Test(arguments: [
    "", " ", "{", "[1,]", "{\"a\":1,}", "nul", "NaN", "Infinity", "-", "01", "1 2", "{a:1}", "'a'", "\"\\ud800\"",
    "\"a",
    "\u{FEFF}{}", "1e999", "{\"a\\u0000\":1}", "123456789012345678901234567890 x",
  ])
  func malformedTextIsRefused(_ text: String) {
    #expect {
      try parse(text)
    } throws: { error in
      if case JSONError.malformed? = error as? JSONError { true } else { false }
    }
  }

  @Test func errorsSayWhere() throws {
    let error = #expect(throws: JSONError.self) { try parse("{\n  \"a\": 1,\n  \"b\" 2\n}") }
    guard case .malformed("test.json", 3, let column, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect((6...8).contains(column))
    #expect(error?.diagnosis.code == "json.malformed")
    #expect(error?.diagnosis.place.contains("line 3") == true)
  }

  @Test func duplicateKeysAreRefused() {
    let error = #expect(throws: JSONError.self) { try parse(#"{"a": {"b": 1, "c": 2, "b": 1}}"#) }
    guard case .duplicateKey? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(error?.diagnosis.code == "json.duplicate-key")
  }

  @Test(arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82]] as [[UInt8]])
  func textThatIsNotUTF8IsRefused(_ bytes: [UInt8]) {
    let error = #expect(throws: JSONError.self) { try parseJSON(Array("[\"".utf8) + bytes + Array("\"]".utf8)) }
    #expect(error?.diagnosis.code == "json.not-utf8")
  }

  @Test func depthIsLimited() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    // The outermost array lies inside no other.
    _ = try parse(nested(JSONValue.depthLimit + 1))
    for depth in [JSONValue.depthLimit + 2, 3_000, 1_000_000] {
      let error = #expect(throws: JSONError.self) { try parse(nested(depth)) }
      #expect(error?.diagnosis.code == "json.too-deep")
    }
  }
}
