import Diagnostics
import PassKit
import Testing

@Suite struct OptionTests {
  private func step(_ text: String) throws -> PassStep { try PassStep(parsing: text, catalog: .sample) }

  @Test func defaultsComeFromTheDeclaration() throws {
    let values = try step("sample").values
    #expect(values[SamplePass.bits] == 4)
    #expect(values[SamplePass.damping] == 0.01)
    #expect(values[SamplePass.share] == 0.75)
    #expect(values[SamplePass.exact] == false)
    #expect(values[SamplePass.mode] == .fast)
    #expect(values[SamplePass.size] == nil)
    #expect(values[SamplePass.candidates] == [2, 4])
    #expect(values[SamplePass.pattern] == KeptPattern(kept: 2, group: 4))
    #expect(values[SamplePass.task] == nil)
    #expect(values[SamplePass.targets] == nil)
  }

  @Test func readsEveryKind() throws {
    let values = try step(
      "sample bits=8 damping=1e-3 share=12.5% exact=true mode=careful size=1.5GiB candidates=3,8 pattern=4:16 "
        + "task=code targets=*.mlp.*,!layers.0.*"
    ).values
    #expect(values[SamplePass.bits] == 8)
    #expect(values[SamplePass.damping] == 0.001)
    #expect(values[SamplePass.share] == 0.125)
    #expect(values[SamplePass.exact] == true)
    #expect(values[SamplePass.mode] == .careful)
    #expect(values[SamplePass.size] == 1_610_612_736)
    #expect(values[SamplePass.candidates] == [3, 8])
    #expect(values[SamplePass.pattern] == KeptPattern(kept: 4, group: 16))
    #expect(values[SamplePass.task] == "code")
    #expect(values[SamplePass.targets]?.map(\.text) == ["*.mlp.*", "!layers.0.*"])
  }

  @Test func theCanonicalStepSpellsEveryDefaultOut() throws {
    #expect(
      try step("  sample   share=5%\tsize=1kB ").text
        == "sample bits=4 damping=0.01 share=0.05 exact=false mode=fast size=1000 candidates=2,4 pattern=2:4")
  }

  @Test(arguments: [
    ("1024", 1024), ("8e3", nil), ("2k", 2048), ("2KiB", 2048), ("2kB", 2000), ("3M", 3 << 20), ("3MB", 3_000_000),
    ("0.5G", 1 << 29), ("1TB", 1_000_000_000_000), ("1TiB", 1 << 40), ("7B", 7),
  ])
  func readsSizes(text: String, expected: Int?) {
    #expect((try? step("sample size=\(text)").values[SamplePass.size]) == expected)
  }

  @Test(arguments: [
    ("bits=1", "passes.out-of-range", "an integer from 2 to 8"), ("bits=9", "passes.out-of-range", "from 2 to 8"),
    ("bits=-4", "passes.out-of-range", "from 2 to 8"), ("bits=four", "passes.invalid-value", "cannot be 'four'"),
    ("bits=4.0", "passes.invalid-value", "an integer from 2 to 8"), ("bits=", "passes.invalid-value", "an integer"),
    ("bits=0x4", "passes.invalid-value", "an integer"), ("bits=٤", "passes.invalid-value", "an integer"),
    ("bits=99999999999999999999999", "passes.out-of-range", "from 2 to 8"),
    ("bits=2,4", "passes.invalid-value", "cannot be '2,4'"),
    ("damping=nan", "passes.invalid-value", "a number from 0 to 10"),
    ("damping=inf", "passes.invalid-value", "a number"),
    ("damping=1e999", "passes.out-of-range", "a number from 0 to 10"), ("damping=11", "passes.out-of-range", "0 to 10"),
    ("damping=-1", "passes.out-of-range", "0 to 10"), ("damping=0x1p3", "passes.invalid-value", "a number"),
    ("share=101%", "passes.out-of-range", "a share from 0 to 1, such as 0.05 or 5%"),
    ("share=%", "passes.invalid-value", "a share"), ("share=-1%", "passes.out-of-range", "a share"),
    ("share=nan%", "passes.invalid-value", "a share"), ("exact=yes", "passes.invalid-value", "true or false"),
    ("exact=True", "passes.invalid-value", "true or false"),
    ("mode=slow", "passes.out-of-range", "one of fast, careful"),
    ("size=-1", "passes.invalid-value", "a size such as 8GiB"),
    ("size=8XB", "passes.invalid-value", "8GiB"), ("size=9999999999T", "passes.out-of-range", "8GiB"),
    ("size=1.2.3", "passes.invalid-value", "8GiB"), ("size=G", "passes.invalid-value", "8GiB"),
    ("candidates=2,9", "passes.out-of-range", "integers from 2 to 8, separated by commas"),
    ("candidates=2,,4", "passes.invalid-value", "integers"), ("candidates=", "passes.invalid-value", "integers"),
    ("pattern=4:4", "passes.out-of-range", "N:M with N below M and M at most 16"),
    ("pattern=0:4", "passes.out-of-range", "N:M"), ("pattern=1:17", "passes.out-of-range", "at most 16"),
    ("pattern=2", "passes.invalid-value", "N:M"), ("pattern=1:2:4", "passes.invalid-value", "N:M"),
    ("task=", "passes.invalid-value", "a text"),
    ("targets=", "passes.invalid-value", "a glob over parameter names"),
    ("targets=\"*.mlp.*\"", "passes.invalid-value", "a glob"), ("targets=a,!", "passes.invalid-value", "a glob"),
  ])
  func refusesWhatIsOutOfBounds(option: String, code: String, part: String) throws {
    let error = try #require(throws: PassListError.self) { try step("sample \(option)") }
    let diagnosis = error.diagnosis
    let name = option.prefix { $0 != "=" }
    #expect(diagnosis.code == code)
    #expect(diagnosis.what.contains("'\(name)' of sample") && diagnosis.status == .usage)
    #expect("\(diagnosis.what) \(diagnosis.why)".contains(part), "\(diagnosis)")
    #expect(diagnosis.place == "--pass 'sample \(option)'")
  }

  @Test(arguments: [
    ("", "passes.empty-step", "names no pass"), ("   ", "passes.empty-step", "names no pass"),
    ("sampel bits=4", "passes.unknown-pass", "did you mean 'sample'?"),
    ("zzzzzzzzzzzzzz", "passes.unknown-pass", "sample, needy"),
    ("sample bitz=4", "passes.unknown-option", "did you mean 'bits'?"),
    ("sample Bits=4", "passes.unknown-option", "did you mean 'bits'?"),
    ("sample bits=4 bits=4", "passes.duplicate-option", "'bits' twice"),
    ("sample bits 4", "passes.missing-equals-sign", "'bits=…'"),
    ("sample =4", "passes.missing-equals-sign", "key=value"),
    ("needy", "passes.missing-option", "needs the option 'count'"),
    ("needy count=0", "passes.out-of-range", "an integer of at least 1"),
    ("sample exact=true", "passes.conflicting-options", "exact needs mode=careful"),
  ])
  func refusesStepsThatAreWrong(text: String, code: String, part: String) throws {
    let diagnosis = try #require(throws: PassListError.self) { try step(text) }.diagnosis
    #expect(diagnosis.code == code && diagnosis.status == .usage)
    #expect("\(diagnosis.what) \(diagnosis.why) \(diagnosis.fix)".contains(part), "\(diagnosis)")
  }

  @Test func longValuesAreCutInMessages() throws {
    let text = "sample bits=" + String(repeating: "x", count: 100_000)
    let diagnosis = try #require(throws: PassListError.self) { try step(text) }.diagnosis
    #expect(diagnosis.what.count < 120 && diagnosis.place.count < 130)
  }
}
