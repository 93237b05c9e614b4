import Diagnostics
import PassKit

/// Puts what a search saw and chose into the report of its step.
struct AllocationReport {
  let units: [AllocationUnit]
  let candidates: [EncodingCandidate]
  let target: AllocationTarget
  /// Bytes of the values that are not taken.
  let untouchedByteCount: Int
  /// Weights of the whole model.
  let elementCount: Int
  let damage: DamageModel?

  func write(steps: [AllocationSearch.Step], chosen: Assignment, to editor: ModelEditor) {
    if let damage { editor.report(sensitivity(damage)) }
    editor.report(search(steps))
    editor.report(assignment(chosen))
    let byteCount = byteCount(of: chosen)
    var summary =
      "\(NumberText.count(byteCount)) bytes of values, \(NumberText.fixed(bitsPerWeight(byteCount), 2)) bits per weight"
    if let result = steps.last(where: { $0.assignment == chosen }) {
      summary += "; measured: \(result.accuracy.text)"
    }
    editor.note(summary)
    if let text = prediction(steps) { editor.note(text) }
    if case .size = target {
      editor.note("size counts values; graph, tokenizer and tables of the packed file come on top")
    }
  }

  /// KL divergence of each unit alone at each of its options.
  private func sensitivity(_ damage: DamageModel) -> ReportTable {
    var table = ReportTable(
      title: "sensitivity: KL divergence of one unit alone, in nats", columns: ["unit"] + candidates.map(\.text))
    for (index, unit) in units.enumerated() {
      table.append(
        [.text(unit.name)]
          + candidates.map { candidate in
            unit.options.firstIndex { $0.candidate == candidate }
              .map { .number(damage.divergence(ofUnit: index, at: $0)) } ?? .text("–")
          })
    }
    return table
  }

  private func search(_ steps: [AllocationSearch.Step]) -> ReportTable {
    var table = ReportTable(
      title: "search",
      columns: [
        "stage", "bytes", "bits per weight", "KL predicted with pairs", "KL predicted without", "KL measured", "± KL",
        "perplexity ratio", "± ratio", "agreement", "± agreement", "verdict",
      ])
    for step in steps {
      let byteCount = byteCount(of: step.assignment)
      let accuracy = step.accuracy
      table.append([
        .text(step.stage.rawValue), .number(Double(byteCount)), .number(bitsPerWeight(byteCount)),
        predicted(step.assignment, countingPairs: true), predicted(step.assignment, countingPairs: false),
        .number(accuracy.divergence), .number(accuracy.divergenceError), .number(accuracy.perplexityRatio),
        .number(accuracy.perplexityRatioError), .number(accuracy.agreement), .number(accuracy.agreementError),
        .text(step.isAccepted ? "kept" : "refused"),
      ])
    }
    return table
  }

  private func assignment(_ chosen: Assignment) -> ReportTable {
    var table = ReportTable(title: "assignment", columns: ["unit", "candidate", "bytes", "encoding"])
    for (unit, option) in zip(units, chosen) {
      let option = unit.options[option]
      let encodings = option.encodings.map(\.text).reduce(into: [String]()) { if $0.last != $1 { $0.append($1) } }
      table.append([
        .text(unit.name), .text(option.candidate.text), .number(Double(option.byteCount)),
        .text(option.isPruned ? "–" : encodings.joined(separator: ", ")),
      ])
    }
    return table
  }

  /// How well the second-order prediction matched.
  private func prediction(_ steps: [AllocationSearch.Step]) -> String? {
    guard let damage else { return nil }
    let ratios = steps.compactMap { step -> Double? in
      let predicted = damage.divergence(of: step.assignment, countingPairs: damage.countsPairs)
      return predicted > 0 ? step.accuracy.divergence / predicted : nil
    }
    guard let least = ratios.min(), let most = ratios.max() else { return nil }
    return "measured over predicted KL divergence: \(NumberText.fixed(least, 2)) to \(NumberText.fixed(most, 2)) over "
      + "\(ratios.count) evaluations, \(damage.countsPairs ? "with" : "without") the terms between units"
  }

  private func predicted(_ assignment: Assignment, countingPairs: Bool) -> ReportTable.Cell {
    guard let damage, damage.countsPairs || !countingPairs else { return .text("–") }
    return .number(damage.divergence(of: assignment, countingPairs: countingPairs))
  }

  private func byteCount(of assignment: Assignment) -> Int { untouchedByteCount + units.byteCount(of: assignment) }

  private func bitsPerWeight(_ byteCount: Int) -> Double { 8 * Double(byteCount) / Double(max(1, elementCount)) }
}
