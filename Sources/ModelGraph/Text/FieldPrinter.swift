/// Collects the `key=value` fields of a statement.
public struct FieldPrinter {
  private(set) var text = ""

  /// A parameter's name, printed `key=@name`.
  public mutating func parameter(_ key: String, _ name: String) { text += " \(key)=@\(name)" }

  public mutating func integer(_ key: String, _ value: Int) { text += " \(key)=\(value)" }

  /// The shortest decimal that reads back as the same number.
  public mutating func number(_ key: String, _ value: Float) { text += " \(key)=\(value)" }

  /// The shortest decimal that reads back as the same number.
  public mutating func number(_ key: String, _ value: Double) { text += " \(key)=\(value)" }

  public mutating func word(_ key: String, _ value: String) { text += " \(key)=\(value)" }

  public mutating func flag(_ key: String, _ value: Bool) { text += " \(key)=\(value)" }
}
