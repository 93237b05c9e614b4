import Diagnostics
import PackRuntime

extension VerifyReport {
  /// The findings for a terminal, without a line break at the end.
  public var table: String {
    var main = TextTable([.left, .right, .left, .left])
    for figure in figures {
      main.add(figure.name, figure.value, figure.interval.isEmpty ? "" : "[\(figure.interval)]", figure.note)
    }
    var sections = [
      "\(subject.packName) against \(subject.checkpointName)\n\(basis)", main.text + "\n\(intervalBasis)",
    ]
    if !subject.bitsPerWeightByRole.isEmpty {
      var roles = TextTable([.left, .right])
      roles.add("bits per weight by role", "")
      for (role, bits) in subject.bitsPerWeightByRole { roles.add("  \(role)", NumberText.fixed(bits, 3)) }
      sections.append(roles.text)
    }
    if !blockErrors.isEmpty {
      var blocks = TextTable([.left, .right])
      blocks.add("relative output error by block", "")
      for error in blockErrors { blocks.add("  \(error.block)", NumberText.significant(error.relative)) }
      sections.append(blocks.text)
    }
    if !gates.isEmpty {
      var rows = TextTable([.left, .left, .right, .left, .left])
      for gate in gates {
        rows.add(
          gate.met ? "met" : "NOT MET", gate.gate.rawValue, gate.text(gate.measured.estimate),
          "[\(Self.interval(gate.measured, gate.text))]", "limit \(gate.limitText)")
      }
      sections.append(rows.text)
    }
    return (sections + [verdict]).joined(separator: "\n\n")
  }
}
