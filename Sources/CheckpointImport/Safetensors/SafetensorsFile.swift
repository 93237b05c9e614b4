import ForeignFormats
import TensorCore

/// The directory of a safetensors file, checked against the file: every byte after the header belongs to exactly one
/// tensor. Only the header is read.
///
/// The layout is: length N of the header (8 bytes, little-endian), N bytes of JSON, the tensors' bytes. Wherever the
/// reference reader is lenient in a way that hides damage (spaces before the JSON, a name twice), this one is not.
public struct SafetensorsFile: Sendable {
  /// One tensor of a file.
  public struct Tensor: Sendable, Equatable {
    public let name: String
    public let type: SafetensorsType
    /// Row-major; empty for a scalar.
    public let dimensions: [Int]
    /// Where its bytes lie in the file. They need not be aligned.
    public let byteRange: Range<Int>
  }

  /// Longer headers are refused, as they are by the reference.
  public static let headerByteCountLimit = 100_000_000
  public static let tensorCountLimit = 2_000_000
  public static let nameByteCountLimit = 65_536
  private static let metadataKey = "__metadata__"
  /// "version ", the first eight bytes of a Git LFS pointer, as a length.
  private static let pointerStart: UInt64 = 0x206E_6F69_7372_6576

  /// The path it was read from, for messages.
  public let path: String
  /// All bytes of the file.
  public let storage: any ByteStorage
  /// Every tensor, in the order of their bytes.
  public let tensors: [Tensor]

  /// Reads and checks the header of `storage`, the bytes of a whole file.
  public init(_ storage: any ByteStorage, path: String) throws(SafetensorsError) {
    let headerRange = try Self.headerRange(storage, path)
    let header = try Self.header(storage, headerRange, path)
    storage.release(0..<headerRange.upperBound)
    let records = try Self.records(header, path)
    self.path = path
    self.storage = storage
    tensors = try Self.tiling(records, dataRange: headerRange.upperBound..<storage.byteCount, path)
  }

  private static func headerRange(_ storage: any ByteStorage, _ path: String) throws(SafetensorsError) -> Range<Int> {
    guard storage.byteCount >= 8 else { throw .fileTooShort(file: path, byteCount: storage.byteCount) }
    let declared = storage.withBytes(0..<8) { bytes in
      (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[$1]) << UInt64(8 * $1) }
    }
    guard declared != pointerStart else { throw .pointerFile(file: path) }
    guard declared <= UInt64(headerByteCountLimit) else {
      throw .headerOverLimit(file: path, declared: declared, limit: headerByteCountLimit)
    }
    let byteCount = Int(declared), available = storage.byteCount - 8
    guard byteCount <= available else { throw .headerPastEnd(file: path, declared: byteCount, available: available) }
    return 8..<8 + byteCount
  }

  private static func header(
    _ storage: any ByteStorage, _ range: Range<Int>, _ path: String
  ) throws(SafetensorsError) -> JSONObject {
    let parsed = storage.withBytes(range) { bytes -> Result<JSONObject, SafetensorsError> in
      do throws(SafetensorsError) {
        return .success(try parse(bytes, at: range.lowerBound, path))
      } catch {
        return .failure(error)
      }
    }
    return try parsed.get()
  }

  private static func parse(
    _ bytes: Span<UInt8>, at offset: Int, _ path: String
  ) throws(SafetensorsError) -> JSONObject {
    let firstByte = bytes.isEmpty ? nil : bytes[0]
    guard firstByte == UInt8(ascii: "{") else { throw .headerNotAnObject(file: path, firstByte: firstByte) }
    do {
      _ = try UTF8Span(validating: bytes)
    } catch {
      throw .headerNotUTF8(file: path, offset: offset + error.byteOffsets.lowerBound)
    }
    do {
      guard let object = try JSONValue.parse(bytes, source: path).object else {
        throw SafetensorsError.headerNotAnObject(file: path, firstByte: firstByte)
      }
      return object
    } catch let error as JSONError {
      if case .duplicateKey(_, _, _, let reason) = error { throw .duplicateKey(file: path, reason: reason) }
      throw .headerNotJSON(file: path, reason: error.diagnosis.why)
    } catch {
      throw .headerNotAnObject(file: path, firstByte: firstByte)
    }
  }

  /// The directory in the order of the header, each record checked by itself.
  private static func records(_ header: JSONObject, _ path: String) throws(SafetensorsError) -> [SafetensorsRecord] {
    let tensorCount = header.count - (header[metadataKey] == nil ? 0 : 1)
    guard tensorCount <= tensorCountLimit else {
      throw .tooManyTensors(file: path, count: tensorCount, limit: tensorCountLimit)
    }
    var records: [SafetensorsRecord] = []
    records.reserveCapacity(tensorCount)
    // Names that differ only in how an accented letter is written are one and the same to Swift's dictionaries.
    var names = Set<String>(minimumCapacity: tensorCount)
    for member in header.members {
      guard member.key != metadataKey else {
        try checkMetadata(member.value, path)
        continue
      }
      guard member.key.utf8.count <= nameByteCountLimit else {
        throw .nameTooLong(
          file: path, nameStart: String(member.key.prefix(40)), byteCount: member.key.utf8.count,
          limit: nameByteCountLimit)
      }
      guard names.insert(member.key).inserted else {
        throw .duplicateKey(file: path, reason: "`\(member.key)` is also there with its letters composed differently")
      }
      records.append(try SafetensorsRecord(member.value, name: member.key, file: path))
    }
    return records
  }

  /// Metadata is a table of texts, or null; nothing in it is used.
  private static func checkMetadata(_ value: JSONValue, _ path: String) throws(SafetensorsError) {
    if value.isNull { return }
    guard let fields = value.object else { throw .metadataNotAnObject(file: path, found: value.kind) }
    for field in fields.members where field.value.string == nil {
      throw .metadataNotText(file: path, key: field.key, found: field.value.kind)
    }
  }

  /// Puts the tensors in the order of their bytes and checks that they fill the data without hole or overlap.
  private static func tiling(
    _ records: [SafetensorsRecord], dataRange: Range<Int>, _ path: String
  ) throws(SafetensorsError) -> [Tensor] {
    for record in records where record.end > dataRange.count {
      throw .rangePastEnd(file: path, tensor: record.name, end: record.end, available: dataRange.count)
    }
    var tensors: [Tensor] = []
    tensors.reserveCapacity(records.count)
    var end = 0
    for record in records.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
      guard record.begin <= end else {
        throw .hole(file: path, before: record.name, byteCount: record.begin - end)
      }
      guard record.begin == end else {
        throw .overlap(file: path, tensor: record.name, with: tensors.last?.name ?? "")
      }
      end = record.end
      tensors.append(
        Tensor(
          name: record.name, type: record.type, dimensions: record.dimensions,
          byteRange: dataRange.lowerBound + record.begin..<dataRange.lowerBound + record.end))
    }
    guard end == dataRange.count else { throw .trailingBytes(file: path, byteCount: dataRange.count - end) }
    return tensors
  }
}
