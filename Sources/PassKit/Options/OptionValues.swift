import Diagnostics

/// A value for every option that has one: what was given, and the defaults of the rest.
public struct OptionValues: Sendable, Equatable {
  private let declarations: [OptionDeclaration]
  private let values: [String: OptionValue]

  /// The value of `option`, which must be one of those the values were read for.
  public subscript<Value>(option: PassOption<Value>) -> Value {
    precondition(declarations.contains(option.declaration), "option \(option.declaration.name) is not declared")
    guard let value = option.extract(values[option.declaration.name]) else {
      preconditionFailure("option \(option.declaration.name) has a value of another kind")
    }
    return value
  }

  /// Names and values in the order of declaration; options without a value are left out.
  public var pairs: [(name: String, value: OptionValue)] {
    declarations.compactMap { declaration in values[declaration.name].map { (declaration.name, $0) } }
  }

  /// The same without a value for some options.
  func removing(_ options: [OptionDeclaration]) -> OptionValues {
    OptionValues(
      declarations: declarations, values: values.filter { value in !options.contains { $0.name == value.key } })
  }

  /// The same with other paths in place of the texts of some options and of the files of tasks.
  func mappingPaths(of options: [OptionDeclaration], _ change: (String) -> String) -> OptionValues {
    var values = values
    for option in options {
      switch values[option.name] {
      case .text(let path): values[option.name] = .text(change(path))
      case .taskFiles(let files):
        values[option.name] = .taskFiles(files.map { TaskFile(task: $0.task, path: change($0.path)) })
      default: break
      }
    }
    return OptionValues(declarations: declarations, values: values)
  }
}

/// An option as it stands in a list.
struct WrittenOption {
  let name: String
  let value: WrittenValue
  let place: SourcePlace
}

extension OptionValues {
  /// Reads `written` against the declarations.
  /// - Parameters:
  ///   - base: values for options that are not written.
  ///   - owner: the pass or section, for messages.
  ///   - place: where the owner stands.
  /// - Throws: for the first option that is unknown, given twice, or not of its kind, and for a required one left out.
  init(
    _ written: [WrittenOption], declarations: [OptionDeclaration], base: OptionValues? = nil, owner: String,
    place: SourcePlace
  ) throws(PassListError) {
    var values: [String: OptionValue] = [:]
    for option in written {
      guard let declaration = declarations.first(where: { $0.name == option.name }) else {
        throw .unknownOption(
          owner: owner, option: option.name, nearest: Suggestion.nearest(to: option.name, in: declarations.map(\.name)),
          known: declarations.map(\.name), place: option.place)
      }
      guard values[option.name] == nil else {
        throw .duplicateOption(owner: owner, option: option.name, place: option.place)
      }
      do {
        values[option.name] = try declaration.kind.read(option.value)
      } catch {
        throw .invalidValue(
          owner: owner, option: option.name, expected: declaration.kind.expectation, found: option.value.excerpt,
          isOutOfRange: error == .outOfRange, place: option.place)
      }
    }
    if let base { values.merge(base.values) { written, _ in written } }
    for declaration in declarations where values[declaration.name] == nil {
      switch declaration.fallback {
      case .value(let value): values[declaration.name] = value
      case .unset: break
      case .required:
        throw .missingOption(
          owner: owner, option: declaration.name, expected: declaration.kind.expectation, place: place)
      }
    }
    self.init(declarations: declarations, values: values)
  }
}
