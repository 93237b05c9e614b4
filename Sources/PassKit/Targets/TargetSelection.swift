import Diagnostics
import ModelGraph

/// A parameter that a list of targets selects.
struct Target {
  let parameter: ParameterDeclaration
  /// Whether a pattern means this very parameter; see ``Glob/names(_:)``.
  let isNamed: Bool
}

/// Which parameters a list of globs selects.
///
/// A parameter is selected when an inclusion matches it and no exclusion does. A list of exclusions only starts from
/// what the pass takes by default.
struct TargetSelection {
  private let globs: [Glob]

  /// - Parameter targets: nil where the option was not given.
  init(_ targets: [Glob]?) { globs = targets ?? [] }

  /// Whether the pass is left to its default choice, less the exclusions.
  var startsFromDefault: Bool { globs.allSatisfy(\.isExclusion) }

  /// The selected parameters, in the graph's order.
  /// - Parameter isDefault: what the pass takes where nothing is included by name.
  /// - Throws: `PassError.noMatch` for the first pattern, inclusion or exclusion, that matches no parameter at all.
  func targets(
    in graph: ModelGraph, default isDefault: (ParameterDeclaration) -> Bool
  ) throws(PassError) -> [Target] {
    for glob in globs where !graph.parameters.contains(where: { glob.matches($0.name) }) {
      let names = graph.parameters.map(\.name)
      throw .noMatch(
        pattern: glob.text, suggestion: Self.correction(of: glob, for: names), examples: Array(names.prefix(3)))
    }
    var targets: [Target] = []
    for parameter in graph.parameters {
      let isIncluded =
        startsFromDefault
        ? isDefault(parameter) : globs.contains { !$0.isExclusion && $0.matches(parameter.name) }
      guard isIncluded, !globs.contains(where: { $0.isExclusion && $0.matches(parameter.name) }) else { continue }
      targets.append(Target(parameter: parameter, isNamed: globs.contains { $0.names(parameter.name) }))
    }
    return targets
  }

  /// The pattern with its unknown words replaced by the nearest words of the parameter names, where that matches.
  private static func correction(of glob: Glob, for names: [String]) -> String? {
    var vocabulary: [String] = []
    var seen: Set<String> = []
    for name in names {
      for word in name.split(separator: ".").map(String.init) where seen.insert(word).inserted {
        vocabulary.append(word)
      }
    }
    let words = glob.pattern.split(separator: ".", omittingEmptySubsequences: false).map { word in
      if word.contains("*") || seen.contains(String(word)) { return String(word) }
      return Suggestion.nearest(to: String(word), in: vocabulary) ?? String(word)
    }
    guard let corrected = Glob(words.joined(separator: ".")), names.contains(where: corrected.matches) else {
      return nil
    }
    return (glob.isExclusion ? "!" : "") + corrected.text
  }
}
