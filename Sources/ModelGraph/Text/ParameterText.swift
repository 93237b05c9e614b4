/// Declarations in the text form: one a line, or one line for a run of experts of one shape.
///
///     parameter @layers.0.mlp.router router [16, 256]
///     parameters @layers.0.mlp.experts.{0..15} expert gate [512, 256] up [512, 256] down [256, 512]
///
/// The second line stands for 48 declarations: gate, up and down of expert 0, then of expert 1, and so on. Experts
/// without a gate have up and down.
enum ParameterText {
  /// The parts that an expert may have, in order.
  static let forms = [["gate", "up", "down"], ["up", "down"]]

  static func print(_ parameters: [ParameterDeclaration], into text: inout String) {
    var position = 0
    while position < parameters.count {
      if let run = ExpertRun(in: parameters, at: position) {
        text += "parameters @\(run.prefix).{\(run.experts.lowerBound)..\(run.experts.upperBound)} \(run.role.rawValue)"
        for (part, dimensions) in zip(run.parts, run.dimensions) { text += " \(part) \(dimensions)" }
        text += "\n"
        position += run.experts.count * run.parts.count
      } else {
        let parameter = parameters[position]
        text += "parameter @\(parameter.name) \(parameter.role.rawValue) \(parameter.dimensions)\n"
        position += 1
      }
    }
  }
}

/// Consecutive experts whose parameters follow one another and agree in role and dimensions.
private struct ExpertRun {
  let prefix: String
  let experts: ClosedRange<Int>
  let role: ParameterRole
  let parts: [String]
  /// Of each part.
  let dimensions: [[Int]]

  /// The longest run of two or more experts that begins at `start`.
  init?(in parameters: [ParameterDeclaration], at start: Int) {
    guard let (prefix, first, part) = Self.expert(of: parameters[start].name),
      let parts = ParameterText.forms.first(where: { $0[0] == part }), start + 2 * parts.count <= parameters.count
    else { return nil }
    let partCount = parts.count
    let role = parameters[start].role
    let dimensions = parameters[start..<start + partCount].map(\.dimensions)

    func holds(_ expert: Int, at position: Int) -> Bool {
      guard position + partCount <= parameters.count else { return false }
      return parts.indices.allSatisfy { part in
        let parameter = parameters[position + part]
        return parameter.name == "\(prefix).\(expert).\(parts[part])" && parameter.role == role
          && parameter.dimensions == dimensions[part]
      }
    }

    var count = 0
    while first + count < GraphLimits.expertCount, holds(first + count, at: start + count * partCount) { count += 1 }
    guard count >= 2 else { return nil }
    self.prefix = prefix
    self.experts = first...first + count - 1
    self.role = role
    self.parts = parts
    self.dimensions = dimensions
  }

  /// Cuts `prefix.7.gate` apart.
  private static func expert(of name: String) -> (prefix: String, index: Int, part: String)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 3,
      let index = Int(parts[parts.count - 2]), index >= 0, String(index) == parts[parts.count - 2]
    else { return nil }
    return (parts.dropLast(2).joined(separator: "."), index, String(parts[parts.count - 1]))
  }
}
