import Diagnostics
import Testing

@Suite struct NumberTextTests {
  @Test func roundsAndGroups() {
    #expect(NumberText.fixed(41.877854, 4) == "41.8779")
    #expect(NumberText.fixed(0.0499, 1) == "0.0" && NumberText.fixed(-0.01, 1) == "0.0")
    #expect(NumberText.fixed(-1.05, 1) == "-1.1" && NumberText.fixed(2.5, 0) == "3")
    #expect(NumberText.fixed(.nan, 2) == "nan" && NumberText.fixed(-.infinity, 2) == "-inf")
    #expect(NumberText.significant(0.012345) == "0.0123" && NumberText.significant(1_234.5) == "1235")
    #expect(NumberText.significant(4.567e-7) == "4.57e-7" && NumberText.significant(0) == "0")
    #expect(NumberText.significant(0.00012345) == "0.000123")
    #expect(NumberText.count(339_150) == "339,150" && NumberText.count(-1_000_000) == "-1,000,000")
    #expect(NumberText.count(999) == "999")
  }

  @Test func saysDurationsAndSizes() {
    #expect(
      NumberText.duration(9.26) == "9.3 s" && NumberText.duration(245) == "4:05"
        && NumberText.duration(3723) == "1:02:03")
    #expect(
      NumberText.bytes(1023) == "1023 B" && NumberText.bytes(1536) == "1.50 KiB"
        && NumberText.bytes(3 << 30) == "3.00 GiB")
  }
}
