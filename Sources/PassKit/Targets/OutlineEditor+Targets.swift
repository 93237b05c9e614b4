import Encodings
import ModelGraph

/// The choice of parameters that passes share (docs/passes.md, Targets).
extension OutlineEditor {
  /// The weight matrices a compressing pass takes.
  ///
  /// Without inclusions these are the matrices of attention, feed-forward layers and experts, and those of `moreRoles`,
  /// as far as the pass takes values in their encoding. With inclusions they are the matrices matched, where routers,
  /// norms and vectors must be named.
  /// - Parameters:
  ///   - targets: the pass's option; nil when not given.
  ///   - moreRoles: roles taken by default besides those of the blocks.
  ///   - values: which values the pass can work on.
  /// - Throws: where a pattern matches nothing, a vector is named, the pass cannot work on something matched, or
  ///   nothing is left.
  public func matrices(
    targets: [Glob]?, moreRoles: [ParameterRole] = [], taking values: TakenValues = .dense
  ) throws(PassError) -> [ParameterDeclaration] {
    let selection = TargetSelection(targets)
    let roles: [ParameterRole] = [.attention, .mlp, .expert, .sharedExpert] + moreRoles
    let selected = try selection.targets(in: outline.graph) { parameter in
      roles.contains(parameter.role) && parameter.isMatrix && values.include(outline.encoding(of: parameter))
    }
    var taken: [ParameterDeclaration] = []
    for target in selected {
      let parameter = target.parameter
      guard parameter.isMatrix else {
        if target.isNamed { throw .notAMatrix(parameter: parameter.name) }
        continue
      }
      if [.router, .norm].contains(parameter.role), !target.isNamed { continue }
      let encoding = outline.encoding(of: parameter)
      guard values.include(encoding) else { throw values.refusal(of: parameter.name, in: encoding) }
      taken.append(parameter)
    }
    guard !taken.isEmpty else {
      throw selection.startsFromDefault
        ? values.nothingLeft
        : .nothingToDo(
          why:
            "the targets match only routers, norms and biases, which are taken only where the last word of a pattern "
            + "names them", fix: "write such a name without a star, or widen the targets")
    }
    return taken
  }

  /// The dense parameters of every role and rank that a pass takes which can hold them all.
  /// - Throws: where a pattern matches nothing, something matched is no longer dense, or nothing is left.
  public func denseParameters(targets: [Glob]?) throws(PassError) -> [ParameterDeclaration] {
    let selected = try TargetSelection(targets).targets(in: outline.graph) { outline.encoding(of: $0).isDense }
    for target in selected {
      let encoding = outline.encoding(of: target.parameter)
      guard encoding.isDense else { throw .alreadyCompressed(parameter: target.parameter.name, encoding: encoding) }
    }
    guard !selected.isEmpty else {
      throw .nothingToDo(why: "no parameter is still dense", fix: "remove this step, or move it to the front")
    }
    return selected.map(\.parameter)
  }
}

extension ParameterDeclaration {
  var isMatrix: Bool { dimensions.count >= 2 }
}
