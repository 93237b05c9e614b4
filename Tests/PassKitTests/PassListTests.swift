import Diagnostics
import PassKit
import TensorCore
import Testing

@Suite struct PassListTests {
  private func list(_ text: String, path: String = "lists/a.yaml") throws -> PassList {
    try PassList(parsing: Array(text.utf8), path: path, catalog: .sample)
  }

  @Test func readsEverySection() throws {
    let list = try list(
      """
      # a comment & another
      version: 1
      calibration: { text: ../texts/c.txt, field: body, sequences: 64, length: 512, seed: 7 }
      passes:
        - sample
        - sample:
        - sample: { bits: 3, candidates: [2, 3, 8], targets: ["*.mlp.*", "!layers.0.*"] }
        - needy:
            count: 5
      verify:
        text: /absolute/e.txt
        max-perplexity-increase: 5%
        max-kl: 0.01
        min-agreement: 0.85
        tokens: 4096
        window: 128
      """)
    #expect(list.steps.map(\.name) == ["sample", "sample", "sample", "needy"])
    #expect(list.steps[0] == list.steps[1])
    #expect(list.steps[2].values[SamplePass.candidates] == [2, 3, 8])
    #expect(list.steps[2].values[SamplePass.targets]?.map(\.text) == ["*.mlp.*", "!layers.0.*"])
    #expect(list.steps[3].place == .file(path: "lists/a.yaml", line: 8, column: 5))
    let calibration = try #require(list.calibration)
    #expect(calibration.text.map(list.resolved) == "lists/../texts/c.txt" && calibration.field == "body")
    #expect(calibration.sequenceCount == 64 && calibration.length == 512 && calibration.seed == 7)
    let verify = try #require(list.verify)
    #expect(verify.text.map(list.resolved) == "/absolute/e.txt" && verify.tokenCount == 4096 && verify.window == 128)
    #expect(verify.maxPerplexityIncrease == 0.05 && verify.maxDivergence == 0.01 && verify.minAgreement == 0.85)
  }

  @Test func defaultsOfTheSections() throws {
    let list = try list("version: 1\npasses: [sample]\ncalibration:\nverify: {}\n", path: "a.yaml")
    let calibration = try #require(list.calibration)
    #expect(calibration.text == nil && calibration.field == nil)
    #expect(calibration.sequenceCount == 128 && calibration.length == 256 && calibration.seed == 1)
    let verify = try #require(list.verify)
    #expect(verify.text == nil && verify.tokenCount == nil && verify.window == 256)
    #expect(verify.maxPerplexityIncrease == nil && verify.maxDivergence == nil && verify.minAgreement == nil)
    #expect(list.resolved("x.txt") == "x.txt")
  }

  @Test func printsEveryDefault() throws {
    let list = try list(
      "version: 1\npasses:\n- sample: {targets: '*.mlp.*'}\n- needy: {count: 2}\nverify: {text: \"a \\\"b\\\".txt\"}\n")
    #expect(
      list.printed == """
        version: 1
        passes:
          - sample: { bits: 4, damping: 0.01, share: 0.75, exact: false, mode: fast, candidates: [2, 4], \
        pattern: "2:4", targets: ["*.mlp.*"] }
          - needy: { count: 2 }
        verify: { text: "a \\"b\\".txt", window: 256 }

        """)
    #expect(PassList.identity.printed == "version: 1\npasses: []\n")
  }

  @Test func stepsOfTheCommandLineAreAppended() throws {
    var list = PassList.identity
    try list.append(parsing: "sample bits=3", catalog: .sample)
    try list.append(parsing: "needy count=2", catalog: .sample)
    #expect(list.steps.map(\.name) == ["sample", "needy"])
    #expect(try self.list("version: 1\npasses: [{sample: {bits: 3}}, {needy: {count: 2}}]") == list)
  }

  @Test(arguments: 0..<300)
  func printingAndReadingGiveTheSameList(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let text = RandomList(random: &random).text
    let list = try list(text)
    #expect(try self.list(list.printed) == list, "\(text)")
    #expect(try self.list(list.printed).printed == list.printed)
    for step in list.steps where !step.text.contains("task=") {
      #expect(try PassStep(parsing: step.text, catalog: .sample) == step)
    }
  }

  @Test(
    arguments: [
      ("", "passes.empty-list", 1, 1, "holds no passes"), ("# nothing\n", "passes.empty-list", 1, 1, "holds no passes"),
      ("passes: [sample]", "passes.missing-version", 1, 1, "version: 1"),
      ("version: 2\nnews: 3\n", "passes.unsupported-version", 1, 10, "'2'"),
      ("version: 1.0\npasses: [sample]", "passes.unsupported-version", 1, 10, "'1.0'"),
      ("version: [1]\npasses: [sample]", "passes.wrong-shape", 1, 10, "the number 1"),
      ("version: 1\n", "passes.empty-list", 1, 1, "holds no passes"),
      ("version: 1\npasses: []\n", "passes.empty-list", 2, 1, "holds no passes"),
      ("version: 1\npasses:\n", "passes.empty-list", 2, 1, "holds no passes"),
      ("version: 1\npasses: sample\n", "passes.wrong-shape", 2, 9, "a list"),
      ("- sample\n", "passes.wrong-shape", 1, 1, "version, calibration, passes, verify"),
      ("version: 1\npases: [sample]\n", "passes.unknown-key", 2, 1, "did you mean 'passes'?"),
      ("version: 1\nversion: 1\npasses: [sample]\n", "passes.duplicate-key", nil, nil, "'version'"),
      ("version: 1\n\"version\": 1\npasses: [sample]\n", "passes.duplicate-key", nil, nil, "'version'"),
      ("version: 1\npasses: [sampel]\n", "passes.unknown-pass", 2, 10, "did you mean 'sample'?"),
      ("version: 1\npasses: [sample bits=4]\n", "passes.unknown-pass", 2, 10, "{ bits: 4 }"),
      ("version: 1\npasses:\n  - sample:\n      bitz: 4\n", "passes.unknown-option", 4, 13, "did you mean 'bits'?"),
      ("version: 1\npasses: [{sample: {bits: 4, bits: 5}}]\n", "passes.duplicate-key", nil, nil, "'bits'"),
      ("version: 1\npasses: [{sample: {bits: 12}}]\n", "passes.out-of-range", 2, 26, "from 2 to 8"),
      ("version: 1\npasses: [{sample: {bits: }}]\n", "passes.invalid-value", 2, 26, "an integer"),
      ("version: 1\npasses: [{sample: {bits: [4]}}]\n", "passes.invalid-value", 2, 26, "an integer"),
      ("version: 1\npasses: [{sample: {candidates: []}}]\n", "passes.invalid-value", 2, 32, "integers"),
      ("version: 1\npasses: [{sample: {candidates: [[2]]}}]\n", "passes.wrong-shape", 2, 33, "one value"),
      ("version: 1\npasses: [{sample: {bits: {x: 4}}}]\n", "passes.wrong-shape", 2, 26, "'bits' of sample"),
      ("version: 1\npasses: [{sample: 4}]\n", "passes.wrong-shape", 2, 19, "a mapping"),
      ("version: 1\npasses: [{sample: , needy: }]\n", "passes.wrong-shape", 2, 10, "one pass"),
      ("version: 1\npasses: [[sample]]\n", "passes.wrong-shape", 2, 10, "one pass"),
      ("version: 1\npasses:\n  -\n", "passes.empty-step", 3, nil, "names no pass"),
      ("version: 1\npasses: [needy]\n", "passes.missing-option", 2, 10, "'count'"),
      (
        "version: 1\npasses: [sample]\ncalibration: { txt: a }\n", "passes.unknown-option", 3, 21,
        "did you mean 'text'?"
      ),
      (
        "version: 1\npasses: [sample]\nverify: { min-agreement: 85 }\n", "passes.out-of-range", 3, 26,
        "a share from 0 to 1"
      ),
      ("version: 1\npasses: [sample]\nverify: 5\n", "passes.wrong-shape", 3, 9, "a mapping"),
      ("version: 1\npasses:\n\t- sample\n", "passes.malformed-yaml", 3, 1, "cannot start any token"),
      ("version: 1\npasses: [sample\n", "passes.malformed-yaml", 3, 1, "not YAML"),
      ("version: 1\npasses: [sample]\n---\nversion: 1\n", "passes.malformed-yaml", 3, 1, "another document"),
      ("version: 1\npasses: [{sample: {targets: *.mlp.*}}]\n", "passes.unquoted-pattern", 2, nil, "in quotes"),
      ("version: 1\npasses: [{sample: {targets: *mlp}}]\n", "passes.unquoted-pattern", 2, 29, "in quotes"),
      ("version: 1\npasses:\n- sample:\n    targets: !layers.0.*\n", "passes.unquoted-pattern", 4, nil, "in quotes"),
      ("version: 1\npasses: [{sample: {bits: !!int 4}}]\n", "passes.unquoted-pattern", 2, 26, "tag"),
      ("version: 1\npasses: [&a sample, *a]\n", "passes.anchor", 2, 10, "anchor"),
      ("version: 1\n? [a, b]\n: 1\n", "passes.malformed-yaml", 2, 3, "a key must be a word"),
      ("version: 1\n<<: {passes: [sample]}\n", "passes.unknown-key", 2, 1, "'<<'"),
      ("version: 1\u{0}\npasses: [sample]\n", "passes.malformed-yaml", 1, 11, "control characters"),
    ] as [(String, String, Int?, Int?, String)])
  func refusesListsThatAreWrong(text: String, code: String, line: Int?, column: Int?, part: String) throws {
    let diagnosis = try #require(throws: PassListError.self) { try list(text) }.diagnosis
    #expect(diagnosis.code == code && diagnosis.status == .usage, "\(diagnosis)")
    let place = diagnosis.place.split(separator: ":").map(String.init)
    #expect(place.count == 3 && place[0] == "lists/a.yaml")
    if let line { #expect(place[1] == String(line), "\(diagnosis)") }
    if let column { #expect(place[2] == String(column), "\(diagnosis)") }
    #expect("\(diagnosis.what) \(diagnosis.why) \(diagnosis.fix)".contains(part), "\(diagnosis)")
  }
}
