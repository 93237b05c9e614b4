import Diagnostics
import Metrics
import PackRuntime

extension VerifyReport {
  /// One page that needs nothing but itself: no scripts, no fonts, no links.
  public var html: String {
    let page = Markup.element(
      "html", [("lang", "en")],
      [
        .element(
          "head", [],
          [
            .element("meta", [("charset", "utf-8")]),
            .element("meta", [("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
            .element("meta", [("name", "color-scheme"), ("content", "light dark")]),
            .element("title", text: "\(subject.packName): verification"), .style(PageStyle.sheet),
          ]),
        .element("body", [], [.element("main", [], sections)]),
      ])
    return "<!DOCTYPE html>\n\(page.html)\n"
  }

  private var sections: [Markup] {
    [
      .element(
        "header", [],
        [
          .element("h1", text: subject.packName),
          .element("p", [("class", "lead")], text: "compiled from \(subject.checkpointName), measured on \(basis)"),
          .element(
            "p", [("class", gates.isEmpty ? "verdict" : gatesMet ? "verdict met" : "verdict missed")], text: verdict),
        ]),
      tiles,
    ] + gateSection + [
      section("Figures", [figureTable, .element("p", [("class", "note")], text: intervalBasis)]),
      section("How far the distributions are apart", [histogramChart]),
      section("Divergence along the window", [positionChart]),
    ] + blockSection + roleSection + [provenance]
  }

  private func section(_ title: String, _ content: [Markup]) -> Markup {
    .element("section", [], [.element("h2", text: title)] + content)
  }

  private var tiles: Markup {
    let entries = [
      (
        "perplexity ratio", NumberText.fixed(summary.perplexityRatio.estimate, 4),
        Self.interval(summary.perplexityRatio) { NumberText.fixed($0, 4) }
      ),
      (
        "mean KL, nats", NumberText.significant(summary.meanDivergence.estimate),
        Self.interval(summary.meanDivergence) { NumberText.significant($0) }
      ),
      ("top-1 agreement", Self.percent(summary.agreement.estimate), Self.interval(summary.agreement, Self.percent)),
      ("bits per weight", NumberText.fixed(subject.bitsPerWeight, 2), NumberText.bytes(subject.fileByteCount)),
    ]
    return .element(
      "div", [("class", "tiles")],
      entries.map { name, value, detail in
        .element(
          "div", [("class", "tile")],
          [
            .element("span", [("class", "name")], text: name), .element("strong", text: value),
            .element("span", [("class", "detail")], text: detail),
          ])
      })
  }

  private var gateSection: [Markup] {
    guard !gates.isEmpty else { return [] }
    let rows = gates.map { gate -> Markup in
      let cells = [
        gate.gate.rawValue, gate.limitText, gate.text(gate.measured.estimate), Self.interval(gate.measured, gate.text),
      ]
      return .element(
        "tr", [],
        cells.map { .element("td", text: $0) }
          + [.element("td", [("class", gate.met ? "met" : "missed")], text: gate.met ? "met" : "not met")])
    }
    return [section("Gates", [table(["gate", "limit", "measured", "95 % interval", ""], rows)])]
  }

  private var figureTable: Markup {
    table(
      ["", "value", "95 % interval", ""],
      figures.map { figure in
        .element(
          "tr", [],
          [
            .element("td", text: figure.name), .element("td", [("class", "number")], text: figure.value),
            .element("td", [("class", "interval")], text: figure.interval),
            .element("td", [("class", "note")], text: figure.note),
          ])
      })
  }

  private func table(_ headings: [String], _ rows: [Markup]) -> Markup {
    .element(
      "div", [("class", "scroll")],
      [
        .element(
          "table", [],
          [
            .element("thead", [], [.element("tr", [], headings.map { .element("th", text: $0) })]),
            .element("tbody", [], rows),
          ])
      ])
  }

  /// The bins from the first that holds anything to the last, cut at whole decades.
  private var histogramChart: Markup {
    let perDecade = histogram.binsPerDecade
    let filled = histogram.counts.indices.filter { histogram.counts[$0] > 0 }
    let first = (filled.first ?? 0) / perDecade
    let last = (filled.last ?? 0) / perDecade + 1
    let counts = histogram.counts[first * perDecade..<last * perDecade].map(Double.init)
    let lowest = histogram.exponents.lowerBound + first
    let ticks = (0...last - first).map { decade -> Chart.Tick in
      (Double(decade) / Double(last - first), Self.powerOfTen(lowest + decade))
    }
    return Chart.columns(
      counts, ticks: ticks,
      axis: "KL divergence of a position, nats (logarithmic; the first column also holds what is smaller)",
      label: "Histogram of the KL divergence per position"
    ) { NumberText.count(Int(counts[$0])) + " positions" }
  }

  private static func powerOfTen(_ exponent: Int) -> String {
    let digits: [Character] = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"]
    let superscript = String(exponent.magnitude).compactMap { $0.wholeNumberValue.map { digits[$0] } }
    return exponent == 0 ? "1" : exponent == 1 ? "10" : "10\(exponent < 0 ? "⁻" : "")\(String(superscript))"
  }

  private var positionChart: Markup {
    let values = Self.averaged(summary.divergenceByPosition, atMost: 256)
    let count = summary.divergenceByPosition.count
    let ticks = [0, 0.25, 0.5, 0.75, 1].map { place -> Chart.Tick in
      (place, NumberText.count(1 + Int((place * Double(count - 1)).rounded())))
    }
    return Chart.line(
      values, ticks: count > 4 ? ticks : [(0, "1"), (1, String(count))], axis: "place within the window; nats upwards",
      label: "Mean KL divergence by place within the window")
  }

  /// Means of equal stretches, no more than `limit` of them.
  private static func averaged(_ values: [Double], atMost limit: Int) -> [Double] {
    let stretch = (values.count + limit - 1) / limit
    return stride(from: 0, to: values.count, by: max(1, stretch)).map { start in
      let part = values[start..<min(values.count, start + stretch)]
      return part.reduce(0, +) / Double(part.count)
    }
  }

  private var blockSection: [Markup] {
    guard !blockErrors.isEmpty else { return [] }
    let rows = blockErrors.map { (name: $0.block, value: $0.relative, text: NumberText.significant($0.relative)) }
    return [
      section(
        "Output error by block",
        [
          Chart.bars(rows, label: "Relative output error by block"),
          .element(
            "p", [("class", "note")],
            text:
              "Root mean square difference of the hidden states after each block, relative to the original's; each "
              + "model runs on its own, so errors add up from block to block."),
        ])
    ]
  }

  private var roleSection: [Markup] {
    guard !subject.bitsPerWeightByRole.isEmpty else { return [] }
    let rows = subject.bitsPerWeightByRole.map {
      (name: $0.role, value: $0.bitsPerWeight, text: NumberText.fixed($0.bitsPerWeight, 3))
    }
    return [section("Bits per weight by role", [Chart.bars(rows, label: "Bits per weight by role")])]
  }

  private var provenance: Markup {
    var facts: [(String, String)] = [
      ("architecture", subject.architecture), ("weights", NumberText.count(subject.parameterCount)),
      ("file", "\(NumberText.count(subject.fileByteCount)) bytes"), ("made by", subject.toolVersion),
      ("text", subject.textName),
    ]
    facts += subject.sources.map { ("sha256 \($0.name)", $0.digest) }
    let list = subject.passList.isEmpty ? "no passes: tensors keep their type" : subject.passList
    return section(
      "Provenance",
      [
        table(
          ["", ""],
          facts.map { .element("tr", [], [.element("td", text: $0), .element("td", [("class", "code")], text: $1)]) }),
        .element("h3", text: "Pass list"), .element("pre", text: list),
      ])
  }
}
