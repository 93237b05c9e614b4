/// Rows of cells in aligned columns, two spaces apart.
public struct TextTable {
  public enum Alignment: Sendable { case left, right }

  private let alignments: [Alignment]
  private var rows: [[String]] = []

  public init(_ alignments: [Alignment]) { self.alignments = alignments }

  /// - Parameter cells: one for each column.
  public mutating func add(_ cells: String...) { rows.append(cells) }

  /// Columns that are empty throughout are left out; so are spaces at the ends of lines.
  public var text: String {
    let widths = alignments.indices.map { column in rows.reduce(0) { max($0, $1[column].count) } }
    return rows.map { row in
      var line = ""
      for column in alignments.indices where widths[column] > 0 {
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        line +=
          (line.isEmpty ? "" : "  ") + (alignments[column] == .left ? row[column] + padding : padding + row[column])
      }
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
