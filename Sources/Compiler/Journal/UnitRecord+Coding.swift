import ByteIO
import Encodings
import ModelGraph
import ModelIR
import PassKit
import TensorCore

// A record of the log, little-endian: texts and lists stand behind their counts, optional things behind a byte 0 or 1.

extension UnitRecord {
  /// The record as it stands in the log. Values must be in the journal's own store.
  var journalBytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(text: unit)
    bytes.append(optional: graph?.text) { $0.append(text: $1) }
    bytes.append(optional: profiles) { $0.append(list: $1) { $0.append($1) } }
    bytes.append(list: values) { $0.append($1) }
    bytes.append(list: figures) { $0.append($1) }
    bytes.appendCount(doneByteCount)
    return bytes
  }

  /// - Returns: nil where the bytes of a value are not what they were.
  /// - Throws: `JournalError.malformed`.
  init?(reading record: Span<UInt8>, payload: ScratchFile) throws {
    do {
      var reader = RecordReader(cursor: ByteCursor(over: record), payload: payload)
      let unit = try reader.text(record)
      let graph = try reader.optional(record) { try ModelGraph(parsing: $0.text(record)) }
      let profiles = try reader.optional(record) { try $0.list(record) { try $0.profile(record) } }
      let values = try reader.list(record) { try $0.value(record) }
      let figures = try reader.list(record) { try $0.figures(record) }
      let doneByteCount = try reader.cursor.count(in: record)
      self.init(unit: unit, graph: graph, profiles: profiles, values: values, figures: figures, doneByteCount: doneByteCount)
    } catch RecordReader.Failure.valueDamaged {
      return nil
    } catch {
      throw JournalError.malformed(journal: FileSystem.folder(of: payload.path))
    }
  }

  /// Where the last of its values ends in the payload.
  var payloadEnd: Int {
    values.compactMap { ($0.storage as? ScratchExtent).map { $0.offset + $0.byteCount } }.max() ?? 0
  }
}

extension CompileIdentity {
  var record: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(list: facts) {
      $0.append(text: $1.name)
      $0.append(text: $1.value)
    }
    return bytes
  }

  /// - Throws: what the cursor throws at a record that holds no facts.
  init(_ record: [UInt8]) throws {
    var reader = RecordReader(cursor: ByteCursor(over: record.span), payload: nil)
    facts = try reader.list(record.span) { try Fact(name: $0.text(record.span), value: $0.text(record.span)) }
  }
}

extension [UInt8] {
  fileprivate mutating func append(text: String) {
    appendCount(text.utf8.count)
    append(contentsOf: text.utf8)
  }

  fileprivate mutating func append(_ number: Double) { appendLittleEndian(number.bitPattern) }

  /// A number that may be negative.
  fileprivate mutating func append(_ number: Int64) { appendLittleEndian(UInt64(bitPattern: number)) }

  fileprivate mutating func append<Value>(optional value: Value?, _ write: (inout [UInt8], Value) -> Void) {
    append(UInt8(value == nil ? 0 : 1))
    if let value { write(&self, value) }
  }

  fileprivate mutating func append<Item>(list: [Item], _ write: (inout [UInt8], Item) -> Void) {
    appendCount(list.count)
    for item in list { write(&self, item) }
  }

  fileprivate mutating func append(_ profile: TaskProfile) {
    append(text: profile.name)
    append(list: profile.experts) { $0.append(list: $1) { $0.appendCount($1) } }
    append(list: profile.signature) { $0.appendLittleEndian($1.bitPattern) }
  }

  fileprivate mutating func append(_ change: ValueChange) {
    append(text: change.parameter)
    append(text: change.encoding.text)
    append(optional: change.intent) { $0.append(text: $1.text) }
    append(list: change.history) { $0.append(text: $1) }
    append(optional: change.storage) { bytes, storage in
      guard let extent = storage as? ScratchExtent else { preconditionFailure("a value is not in the journal's store") }
      bytes.appendCount(extent.offset)
      bytes.appendCount(extent.byteCount)
      bytes.appendLittleEndian(Checksum.xxh3(extent, 0..<extent.byteCount))
    }
  }

  fileprivate mutating func append(_ figures: StepFigures) {
    appendCount(figures.stepNumber)
    appendCount(figures.parameterCount)
    append(Int64(figures.byteCountChange))
    append(figures.squaredError)
    append(figures.squaredNorm)
    append(figures.duration / .seconds(1))
    append(list: figures.notes) { $0.append(text: $1) }
    append(list: figures.tables) { $0.append($1) }
  }

  fileprivate mutating func append(_ table: ReportTable) {
    append(text: table.title)
    append(list: table.columns) { $0.append(text: $1) }
    append(list: table.rows) { bytes, row in
      for cell in row {
        switch cell {
        case .text(let text):
          bytes.append(UInt8(0))
          bytes.append(text: text)
        case .number(let number):
          bytes.append(UInt8(1))
          bytes.append(number)
        }
      }
    }
  }
}

/// Reads what the functions above write.
private struct RecordReader {
  enum Failure: Error {
    case malformed
    /// The bytes of a value are not those that the record was written for.
    case valueDamaged
  }

  var cursor: ByteCursor
  let payload: ScratchFile?

  mutating func text(_ bytes: Span<UInt8>) throws -> String {
    try cursor.string(byteCount: cursor.count(in: bytes), in: bytes)
  }

  mutating func optional<Value>(
    _ bytes: Span<UInt8>, _ read: (inout RecordReader) throws -> Value
  ) throws -> Value? {
    try cursor.uint8(in: bytes) == 0 ? nil : read(&self)
  }

  mutating func list<Item>(_ bytes: Span<UInt8>, _ read: (inout RecordReader) throws -> Item) throws -> [Item] {
    let count = try cursor.count(in: bytes)
    // Every item has a byte at least.
    guard count <= cursor.remainingByteCount else { throw Failure.malformed }
    var items: [Item] = []
    for _ in 0..<count { items.append(try read(&self)) }
    return items
  }

  mutating func profile(_ bytes: Span<UInt8>) throws -> TaskProfile {
    TaskProfile(
      name: try text(bytes), experts: try list(bytes) { try $0.list(bytes) { try $0.cursor.count(in: bytes) } },
      signature: try list(bytes) { Float(bitPattern: try $0.cursor.uint32(in: bytes)) })
  }

  mutating func value(_ bytes: Span<UInt8>) throws -> ValueChange {
    let parameter = try text(bytes)
    let encoding = try Encoding(parsing: text(bytes))
    let intent = try optional(bytes) { try Encoding(parsing: $0.text(bytes)) }
    let history = try list(bytes) { try $0.text(bytes) }
    return ValueChange(
      parameter: parameter, storage: try optional(bytes) { try $0.extent(bytes) }, encoding: encoding,
      history: history, intent: intent)
  }

  private mutating func extent(_ bytes: Span<UInt8>) throws -> ScratchExtent {
    let offset = try cursor.count(in: bytes)
    let byteCount = try cursor.count(in: bytes)
    let checksum = try cursor.uint64(in: bytes)
    let (end, overflows) = offset.addingReportingOverflow(byteCount)
    guard !overflows, let extent = payload?.kept(offset..<end),
      Checksum.xxh3(extent, 0..<byteCount) == checksum
    else { throw Failure.valueDamaged }
    return extent
  }

  mutating func figures(_ bytes: Span<UInt8>) throws -> StepFigures {
    var figures = StepFigures(stepNumber: try cursor.count(in: bytes))
    figures.parameterCount = try cursor.count(in: bytes)
    figures.byteCountChange = Int(Int64(bitPattern: try cursor.uint64(in: bytes)))
    figures.squaredError = try cursor.float64(in: bytes)
    figures.squaredNorm = try cursor.float64(in: bytes)
    figures.duration = .seconds(try cursor.float64(in: bytes))
    figures.notes = try list(bytes) { try $0.text(bytes) }
    figures.tables = try list(bytes) { try $0.table(bytes) }
    return figures
  }

  private mutating func table(_ bytes: Span<UInt8>) throws -> ReportTable {
    var table = ReportTable(title: try text(bytes), columns: try list(bytes) { try $0.text(bytes) })
    let columnCount = table.columns.count
    let rows = try list(bytes) { reader in
      var row: [ReportTable.Cell] = []
      for _ in 0..<columnCount {
        let isText = try reader.cursor.uint8(in: bytes) == 0
        row.append(isText ? .text(try reader.text(bytes)) : .number(try reader.cursor.float64(in: bytes)))
      }
      return row
    }
    for row in rows { table.append(row) }
    return table
  }
}
