import ByteIO

/// Writes logits to a safetensors file as they are computed: one tensor `logits`, float32, (tokens, vocabulary).
///
/// The file appears with `finish()` and not before.
public final class LogitsFileWriter {
  /// How many logits the finished file holds.
  private let elementCount: Int
  private var writtenCount = 0
  private let writer: AtomicFileWriter

  /// Elements are turned into bytes this many at a time.
  private static let chunkElementCount = 1 << 16

  /// - Parameter replacing: whether an existing file may be replaced.
  /// - Throws: `ByteIOError` when the file cannot be created or written.
  public init(
    path: String, tokenCount: Int, vocabularyCount: Int, replacing: Bool = false
  ) throws(ByteIOError) {
    precondition(tokenCount >= 0 && vocabularyCount >= 0)
    elementCount = tokenCount * vocabularyCount
    writer = try AtomicFileWriter(path: path, replacing: replacing)
    let header = Self.header(tokenCount: tokenCount, vocabularyCount: vocabularyCount, byteCount: elementCount * 4)
    try writer.append(header.span)
  }

  /// Appends whole rows, or any part of the logits in row-major order.
  /// - Throws: `ByteIOError` when the file cannot be written.
  public func append(_ rows: Span<Float>) throws(ByteIOError) {
    precondition(writtenCount + rows.count <= elementCount, "more logits than announced")
    var start = 0
    while start < rows.count {
      let end = min(rows.count, start + Self.chunkElementCount)
      var bytes: [UInt8] = []
      bytes.reserveCapacity((end - start) * 4)
      for index in start..<end {
        let bits = rows[index].bitPattern
        bytes.append(UInt8(truncatingIfNeeded: bits))
        bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
        bytes.append(UInt8(truncatingIfNeeded: bits >> 16))
        bytes.append(UInt8(truncatingIfNeeded: bits >> 24))
      }
      try writer.append(bytes.span)
      start = end
    }
    writtenCount += rows.count
  }

  /// Gives the file its name.
  /// - Throws: `ByteIOError` when that fails; the file is then gone.
  public func finish() throws(ByteIOError) {
    precondition(writtenCount == elementCount, "fewer logits than announced")
    try writer.commit()
  }

  /// Length (8 bytes, little-endian) and JSON, padded with spaces so that the logits begin at a multiple of 8.
  private static func header(tokenCount: Int, vocabularyCount: Int, byteCount: Int) -> [UInt8] {
    let shape = "[\(tokenCount),\(vocabularyCount)]"
    var json = [UInt8](#"{"logits":{"dtype":"F32","shape":\#(shape),"data_offsets":[0,\#(byteCount)]}}"#.utf8)
    while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
    return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
  }
}
