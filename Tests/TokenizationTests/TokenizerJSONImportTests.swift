@testable import CheckpointImport
import Diagnostics
import ForeignFormats
import Testing
import Tokenization

/// `tokenizer.json` files written here: small ones that work, and one for each way to be refused.
@Suite struct TokenizerJSONImportTests {
  /// A byte-level tokenizer with the 256 bytes and the pieces `ab` and `abc`, and members replaced by `changes`.
  private func byteLevel(
    model: String = "", vocab: String = "", merges: String = #"["a b", ["ab", "c"]]"#,
    added: String = "", preTokenizer: String = #"{"type":"ByteLevel","add_prefix_space":false}"#,
    normalizer: String = "null",
    decoder: String = #"{"type":"ByteLevel"}"#, postProcessor: String = "null", leavingOut: UInt8? = nil
  ) -> String {
    var alphabet: [String] = []
    var next: UInt32 = 0x100
    for byte in UInt8.min...UInt8.max {
      let isItself = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
      let scalar = Unicode.Scalar(isItself ? UInt32(byte) : next)
      if !isItself { next += 1 }
      guard byte != leavingOut, let scalar else { continue }
      let text = scalar == "\"" || scalar == "\\" ? "\\\(scalar)" : String(scalar)
      alphabet.append("\"\(text)\":\(byte)")
    }
    return """
      {"version":"1.0","added_tokens":[\(added)],"normalizer":\(normalizer),"pre_tokenizer":\(preTokenizer),
      "post_processor":\(postProcessor),"decoder":\(decoder),"model":{"type":"BPE"\(model),"vocab":
      {\(alphabet.joined(separator: ",")),"ab":256,"abc":257\(vocab)},"merges":\(merges)}}
      """
  }

  private func load(_ json: String, _ others: [String: String] = [:]) throws -> ImportedTokenizer {
    try required(loadFolder(others.merging(["tokenizer.json": json]) { $1 }))
  }

  private func added(_ id: Int, _ content: String, special: Bool = true) -> String {
    #"{"id":\#(id),"content":"\#(content)","special":\#(special),"normalized":false,"lstrip":false,"rstrip":false}"#
  }

  @Test func theSmallestTokenizerWorks() throws {
    let imported = try load(byteLevel())
    let tokenizer = try Tokenizer(imported.tables)
    #expect(imported.files == ["tokenizer.json"])
    #expect(tokenizer.vocabularyCount == 258)
    #expect(tokenizer.encode("abcab a") == [257, 256, 32, 97])
    #expect(try tokenizer.decode([257, 32, 0xC3, 0xA9]) == "abc \u{e9}")
    #expect(tokenizer.encode("x", addSpecial: true) == [120])
    #expect(tokenizer.beginningID == nil && tokenizer.endIDs == [])
  }

  @Test func unknownIDsAreRefusedWhenDecoding() throws {
    let tokenizer = try Tokenizer(load(byteLevel()).tables)
    for id in [-1, 258, Int.max] {
      #expect(throws: TokenizerError.unknownToken(id: id, vocabularyCount: 258)) { try tokenizer.decode([97, id]) }
      #expect(throws: TokenizerError.unknownToken(id: id, vocabularyCount: 258)) { try tokenizer.decodeBytes(id) }
    }
  }

  @Test func settingsDecideAboutSpecialTokens() throws {
    let json = byteLevel(added: added(258, "<s>") + "," + added(259, "</s>"))
    let config = #"{"bos_token":{"content":"<s>"},"eos_token":"</s>","add_bos_token":true,"model_max_length":1e30}"#
    var tokenizer = try Tokenizer(load(json, ["tokenizer_config.json": config]).tables)
    #expect(tokenizer.encode("a", addSpecial: true) == [258, 97])
    #expect(tokenizer.encode("a</s>") == [97, 259])
    #expect(tokenizer.tables.addsBeginningOfSequence)
    #expect(try tokenizer.decode([258, 97, 259]) == "a")
    #expect(try tokenizer.decode([258, 97, 259], includingSpecial: true) == "<s>a</s>")
    #expect(try tokenizer.decodeBytes(258) == [])

    let both = config.replacing("\"add_bos_token\":true", with: "\"add_bos_token\":true,\"add_eos_token\":true")
    tokenizer = try Tokenizer(load(json, ["tokenizer_config.json": both]).tables)
    #expect(tokenizer.encode("a", addSpecial: true) == [258, 97, 259])
  }

  @Test func postProcessorDecidesWhereSettingsAreSilent() throws {
    let template = #"""
      {"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"TemplateProcessing",
      "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],
      "special_tokens":{"<s>":{"id":"<s>","ids":[258],"tokens":["<s>"]}}}]}
      """#
    let json = byteLevel(added: added(258, "<s>"), postProcessor: template)
    let bare = try Tokenizer(load(json).tables)
    #expect(bare.encode("a", addSpecial: true) == [258, 97])
    #expect(bare.encode("a") == [97])
    let config = #"{"bos_token":"<s>","add_bos_token":false}"#
    let silenced = try Tokenizer(load(json, ["tokenizer_config.json": config]).tables)
    #expect(silenced.encode("a", addSpecial: true) == [97])
    #expect(silenced.beginningID == 258)
  }

  @Test func endTokensComeFromEveryPlace() throws {
    let json = byteLevel(added: added(258, "</s>"))
    let config = ["tokenizer_config.json": #"{"eos_token":"</s>"}"#]
    func ends(_ generation: String?) throws -> [Int] {
      var files = config.merging(["tokenizer.json": json]) { $1 }
      files["generation_config.json"] = generation
      return try required(loadFolder(files, modelEndIDs: [7])).tables.endIDs
    }
    #expect(try ends(nil) == [7, 258])
    #expect(try ends(#"{"eos_token_id":9}"#) == [9, 258])
    #expect(try ends(#"{"eos_token_id":[9,258,3,9]}"#) == [9, 258, 3])
    #expect(try ends(#"{"eos_token_id":null}"#) == [7, 258])
    #expect(throws: TokenizerImportError.self) { try ends(#"{"eos_token_id":259}"#) }
    #expect(throws: TokenizerImportError.self) { try ends(#"{"eos_token_id":"x"}"#) }
  }

  @Test func chatTemplatesAreCarried() throws {
    func template(_ files: [String: String]) throws -> String? { try load(byteLevel(), files).chatTemplate }
    #expect(try template([:]) == nil)
    #expect(try template(["tokenizer_config.json": #"{"chat_template":"{{ a }}"}"#]) == "{{ a }}")
    let list = #"{"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]}"#
    #expect(try template(["tokenizer_config.json": list]) == "d")
    #expect(try template(["tokenizer_config.json": list, "chat_template.jinja": "{# j #}"]) == "{# j #}")
  }

  /// Ids that no token has are there and never come out of encoding.
  @Test func holesInTheVocabularyAreUnused() throws {
    let tokenizer = try Tokenizer(load(byteLevel(vocab: #","abcd":300"#, merges: #"["a b","ab c","abc d"]"#)).tables)
    #expect(tokenizer.vocabularyCount == 301)
    #expect(tokenizer.encode("abcd") == [300])
    #expect(try tokenizer.decode([299]) == "")
  }

  /// Two spellings of ś that Swift takes for equal are two tokens.
  @Test func canonicallyEqualTokensDiffer() throws {
    let json = byteLevel(added: added(258, "\u{15b}", special: false) + "," + added(259, "s\u{301}", special: false))
    let tokenizer = try Tokenizer(load(json).tables)
    #expect(tokenizer.encode("\u{15b}s\u{301}s") == [258, 259, 115])
  }

  @Test func folderWithoutTokenizerHasNone() throws {
    #expect(try loadFolder(["tokenizer_config.json": "{}", "config.json": "{}"]) == nil)
  }

  @Test(arguments: [
    ("model", #"{"model":{"type":"Unigram","vocab":[["a",0.0]]}}"#, "Unigram"),
    ("model", #"{"model":{"type":"WordPiece","vocab":{}}}"#, "WordPiece"),
    ("model", #"{"model":{"type":"WordLevel","vocab":{}}}"#, "WordLevel"),
  ])
  func otherModelsAreUnsupported(component: String, json: String, found: String) throws {
    try expectUnsupported(json, component, found)
  }

  @Test func otherComponentsAreUnsupported() throws {
    let regex = #"""
      {"type":"Sequence","pretokenizers":[
      {"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Isolated","invert":false},
      {"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}
      """#
    try expectUnsupported(byteLevel(preTokenizer: regex), "pre_tokenizer", #"the split pattern \w+"#)
    try expectUnsupported(
      byteLevel(preTokenizer: #"{"type":"Whitespace"}"#), "pre_tokenizer", "Whitespace", model: true)
    try expectUnsupported(byteLevel(normalizer: #"{"type":"Lowercase"}"#), "normalizer", "Lowercase")
    try expectUnsupported(byteLevel(decoder: #"{"type":"WordPiece"}"#), "decoder", "WordPiece")
    try expectUnsupported(byteLevel(decoder: "null"), "decoder", "none")
    try expectUnsupported(byteLevel(model: #","dropout":0.1"#), "model", "dropout 0.1")
    try expectUnsupported(byteLevel(model: #","end_of_word_suffix":"</w>""#), "model", "</w>")
    let roberta = #"{"type":"RobertaProcessing"}"#
    try expectUnsupported(byteLevel(postProcessor: roberta), "post_processor", "RobertaProcessing")
  }

  @Test func malformedFilesAreRefused() throws {
    func expect(_ place: String, _ why: String, _ json: String) {
      let error = #expect(throws: TokenizerImportError.self) { try load(json) }
      let diagnosis = error?.diagnosis
      #expect(diagnosis?.code == "tokenizer.malformed" && diagnosis?.status == .malformedInput)
      #expect(diagnosis?.place.contains(place) == true, "\(diagnosis?.place ?? "")")
      #expect(diagnosis?.why.contains(why) == true, "\(diagnosis?.why ?? "")")
    }
    expect("the document", "an array", "[]")
    expect("the document", "no \"model\"", "{}")
    expect("\"model\"", "no \"vocab\"", #"{"model":{"type":"BPE","merges":[]}}"#)
    expect("\"model\"", "no \"merges\"", byteLevel().replacing("\"merges\"", with: "\"mergers\""))
    expect("\"model\"", "merge 1 names \"zz\"", byteLevel(merges: #"["a b","zz c"]"#))
    expect("\"model\"", "merge 0 is not a pair", byteLevel(merges: #"["a b c"]"#))
    expect("\"model\"", "merge 0 is not a pair", byteLevel(merges: #"[["a"]]"#))
    expect("\"model\"", "\"abc\" is a string", byteLevel().replacing("\"abc\":257", with: "\"abc\":\"x\""))
    expect("vocabulary", "both have id 256", byteLevel(vocab: #","abd":256"#))
    expect("vocabulary", "has id -1", byteLevel(vocab: #","abd":-1"#))
    expect("vocabulary", "has id 9000000000", byteLevel(vocab: #","abd":9000000000"#))
    expect("vocabulary", "both have id 97", byteLevel(added: added(97, "<s>")))
    expect("vocabulary", "two ids, 256 and 258", byteLevel(added: added(258, "ab")))
    expect("vocabulary", "listed twice", byteLevel(added: added(258, "<s>") + "," + added(258, "<s>")))
    expect("vocabulary", "no content", byteLevel(added: added(258, "")))
    expect("\"content\" of an added token", "an integer", byteLevel(added: #"{"id":258,"content":5}"#))
    expect("pre_tokenizer", "add_prefix_space", byteLevel(preTokenizer: #"{"type":"ByteLevel"}"#))
  }

  @Test func contradictionsOfTheTablesAreRefused() {
    #expect(throws: TokenizerError.missingByte(0x61)) { try load(byteLevel(merges: "[]", leavingOut: 0x61)) }
    #expect(throws: TokenizerError.mergeWithoutPiece(rank: 1)) { try load(byteLevel(merges: #"["a b","a c"]"#)) }
    // Bytes that UTF-8 never uses may be missing.
    #expect(throws: Never.self) { try load(byteLevel(leavingOut: 0xFF)) }
  }

  @Test func settingsThatNameNoTokenAreRefused() {
    for config in [#"{"eos_token":"</s>"}"#, #"{"add_bos_token":true}"#, #"{"bos_token":7}"#, #"{"add_bos_token":1}"#] {
      let error = #expect(throws: TokenizerImportError.self) {
        try load(byteLevel(), ["tokenizer_config.json": config])
      }
      #expect(error?.diagnosis.place.hasPrefix("tokenizer_config.json") == true)
    }
  }

  @Test func damagedJSONIsRefused() {
    let json = byteLevel()
    #expect(throws: JSONError.self) { try load(String(json.dropLast())) }
    #expect(throws: JSONError.self) { try load(json.replacing("\"abc\":257", with: "\"ab\":257")) }
  }

  private func expectUnsupported(_ json: String, _ component: String, _ found: String, model: Bool = false) throws {
    // A file without ByteLevel is read as one that writes spaces as ▁, which needs a token for what it does not know.
    let spaced = #""type":"BPE","unk_token":"a","byte_fallback":true"#
    let json = model ? json.replacing(#""type":"BPE""#, with: spaced) : json
    let error = #expect(throws: TokenizerImportError.self) { try load(json) }
    let diagnosis = try required(error?.diagnosis)
    #expect(diagnosis.code == "tokenizer.unsupported" && diagnosis.status == .unsupported)
    #expect(diagnosis.place == "tokenizer.json, \(component)")
    #expect(diagnosis.what.contains(found), "\(diagnosis.what)")
  }
}
