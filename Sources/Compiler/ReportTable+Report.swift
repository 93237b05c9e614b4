import Diagnostics
import PassKit

extension ReportTable {
  /// Columns by name, rows as arrays.
  var document: JSONText {
    .object([
      ("title", .string(title)), ("columns", .array(columns.map(JSONText.string))),
      ("rows", .array(rows.map { .array($0.map(\.document)) })),
    ])
  }

  /// Rows that are printed for people; a document has them all.
  private static let printedRowCount = 16

  /// The title, the names of the columns and the rows, aligned: numbers to the right, texts to the left.
  var text: String {
    let cells = [columns] + rows.prefix(Self.printedRowCount).map { $0.map(\.text) }
    let widths = columns.indices.map { column in cells.reduce(0) { max($0, $1[column].count) } }
    let isNumeric = columns.indices.map { column in
      rows.contains { if case .number = $0[column] { true } else { false } }
    }
    let lines = cells.map { row in
      let padded = columns.indices.map { column in
        let padding = String(repeating: " ", count: widths[column] - row[column].count)
        return isNumeric[column] ? padding + row[column] : row[column] + padding
      }
      var line = "   " + padded.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
    let restCount = rows.count - Self.printedRowCount
    let rest = restCount > 0 ? "\n   … and \(restCount) more with --json" : ""
    return "   \(title)\n\n" + lines.joined(separator: "\n") + rest
  }
}

extension ReportTable.Cell {
  fileprivate var document: JSONText {
    switch self {
    case .text(let text): .string(text)
    case .number(let number): .number(number)
    }
  }

  fileprivate var text: String {
    switch self {
    case .text(let text): text
    case .number(let number):
      number == number.rounded() && abs(number) < 1e15
        ? NumberText.count(Int(number)) : NumberText.significant(number)
    }
  }
}
