/// Figures that a pass found on its way, for the report of its step.
public struct ReportTable: Sendable, Equatable {
  public let title: String
  public let columns: [String]
  /// As many cells in each row as there are columns.
  public private(set) var rows: [[Cell]] = []

  /// A text or a number; numbers stay numbers in JSON.
  public enum Cell: Sendable, Equatable {
    case text(String)
    case number(Double)
  }

  public init(title: String, columns: [String]) {
    self.title = title
    self.columns = columns
  }

  public mutating func append(_ row: [Cell]) {
    precondition(row.count == columns.count)
    rows.append(row)
  }

  /// Appends the rows of a table with the same columns.
  public mutating func append(contentsOf table: ReportTable) {
    precondition(table.columns == columns)
    rows += table.rows
  }
}
