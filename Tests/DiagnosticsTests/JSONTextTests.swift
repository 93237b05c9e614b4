import Diagnostics
import Foundation
import Testing

@Suite struct JSONTextTests {
  @Test func escapesWhatMustBeEscapedAndNothingElse() {
    #expect(JSONText.string("a\"b\\c\n\r\t\u{1}\u{1F}/é😀\u{7F}").text == #""a\"b\\c\n\r\t\u0001\u001f/é😀"# + "\u{7F}\"")
    #expect(JSONText.string("\r\n").text == #""\r\n""#, "one Character, two scalars")
  }

  @Test(
    arguments: [
      (0.1, "0.1"), (-0.0, "-0.0"), (1e-7, "1e-07"), (1e300, "1e+300"), (45.521466072337475, "45.521466072337475"),
      (.nan, "null"), (.infinity, "null"), (1.5e-300, "1.5e-300"),
    ] as [(Double, String)])
  func numbersReadBackAsThemselves(number: Double, text: String) throws {
    #expect(JSONText.number(number).text == text)
    if number.isFinite {
      #expect(Double(text) == number)
      #expect(try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) is Double)
    }
  }

  @Test func keepsOrderAndIndents() {
    let value = JSONText.object([
      ("z", .integer(-3)), ("a", .array([.integer(1), .integer(2)])), ("none", .array([])),
      ("deep", .object([("flat", .object([("x", .boolean(true)), ("y", .null)]))])),
    ])
    #expect(
      value.text == """
        {
          "z": -3,
          "a": [1, 2],
          "none": [],
          "deep": {
            "flat": {"x": true, "y": null}
          }
        }
        """)
    #expect(value.compactText == #"{"z":-3,"a":[1,2],"none":[],"deep":{"flat":{"x":true,"y":null}}}"#)
  }

  @Test func anErrorDocumentNamesEveryPart() throws {
    let diagnosis = Diagnosis(
      code: "file.missing", what: "w \"q\"", place: "p", why: "y", fix: "f", status: .missingInput)
    let data = Data(JSONDocument.failure(diagnosis).text.utf8)
    let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(document["schema"] as? String == "swage/1" && document["ok"] as? Bool == false)
    #expect(
      document["error"] as? [String: String] == [
        "code": "file.missing", "what": "w \"q\"", "where": "p", "why": "y", "fix": "f",
      ])
    #expect(JSONDocument.success(.null).compactText == #"{"schema":"swage/1","ok":true,"result":null}"#)
    #expect(JSONDocument.gatesNotMet(.null).compactText == #"{"schema":"swage/1","ok":false,"result":null}"#)
  }
}
