import CheckpointImport
import Foundation
import ForeignFormats
import TestSupport
import Tokenization

/// A text with what the format's own library makes of it.
struct GoldenCase {
  let text: String
  let ids: [Int]
  let decoded: String

  init(_ value: JSONValue) throws {
    text = try required(value["text"]?.string)
    ids = try required(value["ids"]?.array).map { Int(try required($0.integer)) }
    decoded = try required(value["decoded"]?.string)
  }
}

struct MissingValue: Error {}

func required<Value>(_ value: Value?) throws -> Value {
  guard let value else { throw MissingValue() }
  return value
}

/// The bytes of a fixture, nil when there is no such file.
func fixtureBytes(_ path: String) -> [UInt8]? {
  FileManager.default.contents(atPath: Fixtures.path(path)).map { Array($0) }
}

func fixtureJSON(_ path: String) throws -> JSONValue { try parseJSON(required(fixtureBytes(path)), source: path) }

func parseJSON(_ bytes: [UInt8], source: String = "test.json") throws(JSONError) -> JSONValue {
  try JSONValue.parse(bytes.span, source: source)
}

/// The golden cases of a tokenizer made by `fixtures/tokenizers/make.py`.
func goldenCases(_ name: String) throws -> [GoldenCase] {
  try required(fixtureJSON("tokenizers/\(name)/golden.json").array).map(GoldenCase.init)
}

/// The tokenizer of a fixture folder.
func importedTokenizer(_ folder: String, modelEndIDs: [Int] = []) throws -> ImportedTokenizer {
  try required(TokenizerImport.load(modelEndIDs: modelEndIDs) { fixtureBytes("\(folder)/\($0)") })
}

func tokenizer(_ folder: String) throws -> Tokenizer { try Tokenizer(importedTokenizer(folder).tables) }

/// The tokenizer of a folder that exists only here.
func loadFolder(_ files: [String: String], modelEndIDs: [Int] = []) throws -> ImportedTokenizer? {
  try TokenizerImport.load(modelEndIDs: modelEndIDs) { files[$0].map { Array($0.utf8) } }
}
