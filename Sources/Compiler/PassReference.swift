import CompressionPasses
import Diagnostics
import PassKit

/// What `swage passes` says, from the catalog.
public enum PassReference {
  /// - Throws: `PassReferenceError` for a name the catalog does not know.
  public static func document(of name: String?) throws -> JSONText {
    try .object([("passes", .array(descriptions(of: name).map(\.document)))])
  }

  /// - Throws: `PassReferenceError` for a name the catalog does not know.
  public static func text(of name: String?) throws -> String {
    let descriptions = try descriptions(of: name)
    if name != nil { return descriptions.map(\.text).joined() }
    let width = descriptions.map(\.name.count).max() ?? 0
    return descriptions.map { description in
      "\(description.name)\(String(repeating: " ", count: width - description.name.count))  \(description.summary)\n"
    }.joined() + "\nswage passes NAME describes one.\n"
  }

  private static func descriptions(of name: String?) throws -> [PassDescription] {
    let all = PassCatalog.standard.descriptions
    guard let name else { return all }
    let found = all.filter { $0.name == name }
    guard !found.isEmpty else {
      throw PassReferenceError.unknownPass(
        name: name, nearest: Suggestion.nearest(to: name, in: all.map(\.name)), known: all.map(\.name))
    }
    return found
  }
}

public enum PassReferenceError: Error, Equatable, Diagnosable {
  case unknownPass(name: String, nearest: String?, known: [String])

  public var diagnosis: Diagnosis {
    switch self {
    case .unknownPass(let name, let nearest, let known):
      Diagnosis(
        code: "passes.unknown", what: "there is no pass '\(name)'", place: "swage passes \(name)",
        why: "the passes are \(known.joined(separator: ", "))",
        fix: nearest.map { "did you mean '\($0)'?" } ?? "name one of these",
        status: .usage)
    }
  }
}

extension PassDescription {
  fileprivate var document: JSONText {
    .object([
      ("name", .string(name)), ("summary", .string(summary)), ("details", .string(details)),
      ("options", .array(options.map(\.document))),
    ])
  }
}

extension OptionDescription {
  fileprivate var document: JSONText {
    .object([
      ("name", .string(name)), ("values", .string(values)), ("summary", .string(summary)),
      ("required", .boolean(isRequired)),
      ("default", defaultValue.map(JSONText.string) ?? .null), ("unset", unsetMeaning.map(JSONText.string) ?? .null),
    ])
  }
}
