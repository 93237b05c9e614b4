/// Declarations in the text form: one a line, or one line for a run of experts of one shape.
///
///     parameter @layers.0.mlp.router router [16, 256]
///     parameters @layers.0.mlp.experts.{0..15} expert gate [512, 256] up [512, 256] down [256, 512]
///
/// The second line stands for 48 declarations: gate, up and down of expert 0, then of expert 1, and so on.
enum ParameterText {
  static let parts = ["gate", "up", "down"]

  static func print(_ parameters: [ParameterDeclaration], into text: inout String) {
    var position = 0
    while position < parameters.count {
      if let run = ExpertRun(in: parameters, at: position) {
        text += "parameters @\(run.prefix).{\(run.experts.lowerBound)..\(run.experts.upperBound)} \(run.role.rawValue)"
        for (part, dimensions) in zip(parts, run.dimensions) { text += " \(part) \(dimensions)" }
        text += "\n"
        position += run.experts.count * parts.count
      } else {
        let parameter = parameters[position]
        text += "parameter @\(parameter.name) \(parameter.role.rawValue) \(parameter.dimensions)\n"
        position += 1
      }
    }
  }
}

/// Consecutive experts whose three parameters follow one another and agree in role and dimensions.
private struct ExpertRun {
  let prefix: String
  let experts: ClosedRange<Int>
  let role: ParameterRole
  /// Of gate, up and down.
  let dimensions: [[Int]]

  /// The longest run of two or more experts that begins at `start`.
  init?(in parameters: [ParameterDeclaration], at start: Int) {
    let partCount = ParameterText.parts.count
    guard let (prefix, first) = Self.expert(of: parameters[start].name), start + 2 * partCount <= parameters.count
    else { return nil }
    let role = parameters[start].role
    let dimensions = parameters[start..<start + partCount].map(\.dimensions)

    func holds(_ expert: Int, at position: Int) -> Bool {
      guard position + partCount <= parameters.count else { return false }
      return ParameterText.parts.indices.allSatisfy { part in
        let parameter = parameters[position + part]
        return parameter.name == "\(prefix).\(expert).\(ParameterText.parts[part])" && parameter.role == role
          && parameter.dimensions == dimensions[part]
      }
    }

    var count = 0
    while first + count < GraphLimits.expertCount, holds(first + count, at: start + count * partCount) { count += 1 }
    guard count >= 2 else { return nil }
    self.prefix = prefix
    self.experts = first...first + count - 1
    self.role = role
    self.dimensions = dimensions
  }

  /// Cuts `prefix.7.gate` apart.
  private static func expert(of name: String) -> (prefix: String, index: Int)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[parts.count - 1] == ParameterText.parts[0],
      let index = Int(parts[parts.count - 2]), index >= 0, String(index) == parts[parts.count - 2]
    else { return nil }
    return (parts.dropLast(2).joined(separator: "."), index)
  }
}
