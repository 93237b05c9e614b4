import ByteIO
import PassKit
import TensorCore

/// What a compile has done so far, in the folder `PACK.journal` beside its output: a log of records and the bytes of
/// the values that passes made, which need no other place on the disk until they go into the pack.
///
/// A value's bytes are written before the record that names them, so a process may be killed at any moment; checksums
/// find what a failing disk or power supply left half-written.
final class CompileJournal: RunJournal, PayloadStore {
  /// The folder's path.
  let path: String
  /// Units that were done before this process began.
  let foundUnits: Set<String>
  /// Bytes of the values that they made.
  let foundByteCount: Int

  private static let logName = "log"
  private static let payloadName = "values"

  private let log: RecordLog
  private let payload: ScratchFile
  private var found: ArraySlice<UnitRecord>
  private var appendedCount = 0

  /// The folder of the journal of a compile that writes `outputPath`.
  static func path(besides outputPath: String) -> String { outputPath + ".journal" }

  /// Opens the journal beside `outputPath`, or begins one.
  /// - Parameters:
  ///   - identity: what makes two compiles the same.
  ///   - isContinuing: whether to go on with what was done before; otherwise that is dropped.
  /// - Throws: `JournalError.otherCompile`, and `ByteIOError` where the folder or its files cannot be made or read.
  init(besides outputPath: String, identity: CompileIdentity, isContinuing: Bool) throws {
    path = Self.path(besides: outputPath)
    try FileSystem.createDirectory(path)
    log = try RecordLog(path: FileSystem.path(path, Self.logName))
    payload = try ScratchFile(path: FileSystem.path(path, Self.payloadName))
    var units: [UnitRecord] = []
    if isContinuing, let header = log.found.first {
      if let difference = identity.difference(from: try CompileIdentity(header)) {
        throw JournalError.otherCompile(journal: path, difference)
      }
      units = try Self.units(in: log.found.dropFirst(), payload)
    }
    try log.truncate(toRecordCount: units.isEmpty ? 0 : 1 + units.count)
    try payload.truncate(to: units.map(\.payloadEnd).max() ?? 0)
    if units.isEmpty { try log.append(identity.record) }
    found = units[...]
    foundUnits = Set(units.map(\.unit))
    foundByteCount = units.flatMap(\.values).reduce(0) { $0 + ($1.storage?.byteCount ?? 0) }
  }

  /// Reads records up to the first whose values are not intact.
  private static func units(in records: ArraySlice<[UInt8]>, _ payload: ScratchFile) throws -> [UnitRecord] {
    var units: [UnitRecord] = []
    for record in records {
      guard let unit = try UnitRecord(reading: record.span, payload: payload) else { break }
      units.append(unit)
    }
    return units
  }

  /// Whether anything would be lost with it.
  var holdsWork: Bool { !foundUnits.isEmpty || appendedCount > 0 }

  func store(_ bytes: [UInt8]) throws -> any ByteStorage {
    let extent = try payload.append(bytes.span)
    extent.release(0..<extent.byteCount)
    return extent
  }

  func record(of unit: String) throws -> UnitRecord? {
    guard let next = found.popFirst() else { return nil }
    guard next.unit == unit else { throw JournalError.otherUnit(journal: path, expected: unit, found: next.unit) }
    return next
  }

  func append(_ record: UnitRecord) throws {
    try log.append(record.journalBytes)
    for change in record.values { (change.storage as? ScratchExtent)?.keep() }
    appendedCount += 1
  }

  /// Removes the folder.
  func remove() { FileSystem.removeDirectory(path, holding: [Self.logName, Self.payloadName]) }
}
