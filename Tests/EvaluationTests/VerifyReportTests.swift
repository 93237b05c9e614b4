import Foundation
import FoundationXML
import Metrics
import TensorCore
import Testing

@testable import Evaluation

@Suite struct VerifyReportTests {
  /// A report over made-up comparisons.
  static func report(
    subject: VerifySubject = .sample, windows: Int = 30, limits: GateLimits = GateLimits(),
    blockErrors: [BlockError] = []
  ) throws -> VerifyReport {
    var generator = SplitMix64(seed: 4)
    var pairs = PairedAccumulator()
    for _ in 0..<windows {
      pairs.beginWindow()
      for position in 0..<255 {
        let exponent = Double(generator.nextUnitFloat() + generator.nextUnitFloat() + generator.nextUnitFloat()) - 1.5
        let divergence = pow(10, exponent * 2.4 - 2 - 0.3 / Double(position + 1))
        let loss = Double(generator.nextUnitFloat()) * 7
        pairs.add(
          RowComparison(
            originalLoss: loss, compiledLoss: loss + (Double(generator.nextUnitFloat()) - 0.35) * 0.05,
            divergence: divergence, agrees: generator.nextUnitFloat() < 0.92))
      }
    }
    return try VerifyReport(pairs, subject: subject, windowTokenCount: 256, blockErrors: blockErrors, limits: limits)
  }

  static let blockErrors =
    [BlockError(block: "embedding", relative: 0.004)]
    + (0..<6).map { BlockError(block: "layers.\($0)", relative: 0.012 * Double($0 + 1)) }

  @Test func theDocumentHoldsTheContractedKeys() throws {
    let limits = GateLimits(maxPerplexityIncrease: 0.05, maxKLDivergence: 1e-6, minAgreement: 0.5)
    let report = try Self.report(limits: limits, blockErrors: Self.blockErrors)
    let parsed = try JSONSerialization.jsonObject(with: Data(report.document.text.utf8))
    let object = try #require(parsed as? [String: Any])
    // Foundation's own reader of numbers is off by one in the last place now and then.
    func holds(_ expected: Double, at path: String...) -> Bool {
      var value: Any? = object
      for key in path { value = (value as? [String: Any])?[key] }
      return (value as? Double).map { abs($0 - expected) <= 1e-15 * abs(expected) } ?? false
    }
    #expect(holds(report.summary.originalPerplexity, at: "original", "perplexity"))
    #expect(holds(report.summary.compiledPerplexity, at: "compiled", "perplexity"))
    #expect(holds(report.summary.perplexityRatio.estimate, at: "perplexity_ratio", "mean"))
    #expect(holds(report.summary.perplexityRatio.low, at: "perplexity_ratio", "low"))
    #expect(holds(report.summary.perplexityRatio.high, at: "perplexity_ratio", "high"))
    #expect(holds(report.summary.meanDivergence.estimate, at: "kl_divergence", "mean"))
    #expect(holds(report.summary.meanDivergence.low, at: "kl_divergence", "low"))
    #expect(holds(report.summary.meanDivergence.high, at: "kl_divergence", "high"))
    #expect(holds(report.summary.divergencePercentiles.value(at: 0.99), at: "kl_divergence", "p99"))
    #expect(holds(report.summary.agreement.estimate, at: "top1_agreement"))
    #expect(object["tokens"] as? Int == 30 * 255)
    #expect(object["file_bytes"] as? Int == 4_711_424)
    #expect(holds(4.487, at: "bits_per_weight", "total"))
    #expect(holds(8.25, at: "bits_per_weight", "by_role", "embedding"))
    let gates = try #require(object["gates"] as? [[String: Any]])
    #expect(gates.map { $0["name"] as? String } == ["max-perplexity-increase", "max-kl", "min-agreement"])
    #expect(gates.map { $0["met"] as? Bool } == [true, false, true])
    #expect(gates.map { $0["limit"] as? Double } == [0.05, 1e-6, 0.5])
    let measured = try #require(gates[1]["measured"] as? Double)
    #expect(abs(measured - report.summary.meanDivergence.estimate) < 1e-15)
  }

  @Test func theTableAlignsItsColumns() throws {
    let report = try Self.report(limits: GateLimits(maxKLDivergence: 1e-6))
    let lines = report.table.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines[0] == "novelist.swage against novelist-dense")
    #expect(lines[1] == "7,650 tokens of eval.txt, scored in 30 windows of 256")
    #expect(lines.last == "1 of 1 gate not met")
    let brackets = lines.filter { $0.contains("ratio") || $0.contains("mean  ") || $0.contains("top-1") }
      .map { $0.prefix { $0 != "[" }.count }
    #expect(brackets.count == 3 && Set(brackets).count == 1)
    #expect(lines.contains { $0.hasPrefix("NOT MET  max-kl") && $0.contains("limit ≤ 1.00e-6 nats") })
    #expect(!lines.contains { $0.hasSuffix(" ") })
  }

  @Test func fewWindowsAreSaidToBeFew() throws {
    #expect(try Self.report(windows: 9).table.contains("normal approximation"))
    #expect(try Self.report(windows: 10).table.contains("bootstrap"))
  }

  @Test(arguments: [0, 1, 30])
  func thePageIsWellFormedAndNeedsNothingElse(blockCount: Int) throws {
    var subject = VerifySubject.sample
    subject.packName = "<script>alert(\"x\")</script>&'\u{1}.swage"
    subject.passList = "</pre><img src=x onerror=alert(1)>"
    if blockCount == 0 {
      subject.bitsPerWeightByRole = []
      subject.passList = ""
    }
    let errors = (0..<blockCount).map { BlockError(block: "layers.\($0)<b>", relative: Double($0)) }
    let page = try Self.report(
      subject: subject, windows: max(1, blockCount), limits: GateLimits(maxKLDivergence: 1, minAgreement: 1),
      blockErrors: errors
    ).html
    let checker = MarkupChecker(page)
    #expect(checker.error == nil)
    #expect(page.utf8.count < 1_000_000)
    #expect(checker.elements.isDisjoint(with: ["script", "link", "img", "iframe", "object", "image", "use", "a"]))
    #expect(checker.attributes.isDisjoint(with: ["src", "href", "xlink:href", "srcset", "onerror", "onload", "style"]))
    for reference in ["http:", "https:", "url(", "@import"] { #expect(!page.contains(reference)) }
    #expect(checker.text.contains(#"<script>alert("x")</script>&'"#))
    #expect(checker.counts["svg"] == (blockCount == 0 ? 2 : 4))
  }

  @Test func thePageShowsTheFigures() throws {
    let report = try Self.report(limits: GateLimits(maxKLDivergence: 1), blockErrors: Self.blockErrors)
    let text = MarkupChecker(report.html).text
    for figure in report.figures { #expect(text.contains(figure.name) && text.contains(figure.value)) }
    for error in Self.blockErrors { #expect(text.contains(error.block)) }
    #expect(text.contains("The gate is met"))
    #expect(text.contains("quantize: { bits: 4, group: 64 }"))
  }

  @Test(
    arguments: [
      (0.034, 0.04, ["0", "0.01", "0.02", "0.03", "0.04"]), (1, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
      (5.1, 6, ["0", "2", "4", "6"]), (1_234, 1_500, ["0", "500", "1,000", "1,500"]),
      (2.2e-7, 2.5e-7, ["0", "5.0e-8", "1.0e-7", "1.5e-7", "2.0e-7", "2.5e-7"]), (0, 1, ["0", "1"]),
      (.infinity, 1, ["0", "1"]),
    ] as [(Double, Double, [String])])
  func scalesEndAtARoundNumber(largest: Double, top: Double, labels: [String]) {
    let scale = Scale(upTo: largest)
    #expect(abs(scale.top - top) < 1e-12 * top)
    #expect(scale.ticks.map(\.label) == labels)
  }
}

/// Reads a page as XML, which its markup also is.
private final class MarkupChecker: NSObject, XMLParserDelegate {
  private(set) var elements: Set<String> = []
  private(set) var attributes: Set<String> = []
  private(set) var counts: [String: Int] = [:]
  private(set) var text = ""
  private(set) var error: (any Error)?

  init(_ page: String) {
    super.init()
    let parser = XMLParser(data: Data(page.utf8))
    parser.delegate = self
    if !parser.parse() { error = parser.parserError }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes found: [String: String]
  ) {
    elements.insert(name)
    counts[name, default: 0] += 1
    attributes.formUnion(found.keys)
  }

  func parser(_ parser: XMLParser, foundCharacters characters: String) { text += characters }
}
