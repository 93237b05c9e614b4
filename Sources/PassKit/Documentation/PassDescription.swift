/// What there is to know about a pass, as plain data.
public struct PassDescription: Sendable, Equatable {
  public let name: String
  public let summary: String
  /// Markdown paragraphs.
  public let details: String
  public let options: [OptionDescription]

  init(_ pass: any CompressionPass.Type) {
    name = pass.name
    summary = pass.summary
    details = pass.details
    options = pass.options.map(OptionDescription.init)
  }

  /// The description for a terminal.
  public var text: String {
    let width = options.map(\.signature.count).max() ?? 0
    let rows = options.map { option in
      "  \(option.signature)\(String(repeating: " ", count: width - option.signature.count))  \(option.summary)"
        + " (\(option.defaultText))"
    }
    return "\(name): \(summary)\n\n\(rows.joined(separator: "\n"))\n\n\(details)\n"
  }
}

/// What there is to know about an option, as plain data.
public struct OptionDescription: Sendable, Equatable {
  public let name: String
  /// What it takes in short: `2…8`, `f32|f16|bf16`.
  public let values: String
  public let summary: String
  public let isRequired: Bool
  /// The default as it would be written, nil where there is none.
  public let defaultValue: String?
  /// What holds when an option that has no default and is not required is not given.
  public let unsetMeaning: String?

  init(_ declaration: OptionDeclaration) {
    name = declaration.name
    values = declaration.kind.notation
    summary = declaration.summary
    isRequired = declaration.fallback == .required
    defaultValue = if case .value(let value) = declaration.fallback { value.text } else { nil }
    unsetMeaning = if case .unset(let meaning) = declaration.fallback { meaning } else { nil }
  }

  /// The default in words.
  var defaultText: String {
    defaultValue.map { "default \($0)" } ?? unsetMeaning.map { "default: \($0)" } ?? "required"
  }

  var signature: String { "\(name)=\(values)" }
}

extension PassCatalog {
  /// Every pass, in catalog order.
  public var descriptions: [PassDescription] { passes.map { PassDescription($0) } }
}
