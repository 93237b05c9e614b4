/// Where in the user's words something stands.
public enum SourcePlace: Sendable, Hashable, CustomStringConvertible {
  /// Line and column count from 1.
  case file(path: String, line: Int, column: Int)
  /// A step given on the command line.
  case step(String)
  /// An option of the command line, with its dashes.
  case option(String)

  public var description: String {
    switch self {
    case .file(let path, let line, let column): "\(path):\(line):\(column)"
    case .option(let name): name
    case .step(let text): "--pass '\(text.count <= 100 ? text : text.prefix(97) + "…")'"
    }
  }
}
