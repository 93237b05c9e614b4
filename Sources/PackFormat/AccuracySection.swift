/// The bytes of the accuracy section (docs/format.md §3.7); the order of fields here is the order of rows there.
enum AccuracySection {
  static let recordCountRange = 1...64
  private static let fixedByteCount = 136
  private static let recordAlignment = 8

  /// Bytes of a section with one record for each text named.
  static func byteCount(textNames: [String]) -> Int {
    textNames.reduce(0) { $0 + aligned(fixedByteCount + $1.utf8.count, to: recordAlignment) }
  }

  static func encode(_ records: [AccuracyRecord]) throws(PackFormatError) -> [UInt8] {
    guard recordCountRange.contains(records.count) else { throw .accuracyMalformed }
    var bytes: [UInt8] = []
    for record in records {
      try record.check()
      append(record, to: &bytes)
    }
    return bytes
  }

  /// - Parameter offset: where the section begins in the file.
  static func decode(_ bytes: Span<UInt8>, at offset: Int) throws(PackFormatError) -> [AccuracyRecord] {
    var records: [AccuracyRecord] = []
    var fields = FieldReader(bytes, at: offset)
    while fields.remainingByteCount > 0 {
      guard records.count < recordCountRange.upperBound else { throw .accuracyMalformed }
      let record = try decodeRecord(&fields, in: bytes)
      try record.check()
      records.append(record)
    }
    guard !records.isEmpty else { throw .accuracyMalformed }
    return records
  }

  private static func append(_ record: AccuracyRecord, to bytes: inout [UInt8]) {
    bytes.appendCount(record.tokenCount)
    bytes.appendCount(record.windowTokenCount)
    for figure in [
      record.originalPerplexity, record.compiledPerplexity,
      record.perplexityRatio.mean, record.perplexityRatio.low, record.perplexityRatio.high,
      record.divergence.mean, record.divergenceP99, record.divergence.low, record.divergence.high,
      record.topAgreement,
    ] { bytes.appendLittleEndian(figure.bitPattern) }
    bytes += record.textDigest.bytes
    bytes.appendLittleEndian(UInt32(record.textName.utf8.count))
    bytes.appendZeros(4)
    bytes += record.textName.utf8
    bytes.appendZeros(upToMultipleOf: recordAlignment)
  }

  private static func decodeRecord(
    _ fields: inout FieldReader, in bytes: Span<UInt8>
  ) throws(PackFormatError) -> AccuracyRecord {
    guard fields.remainingByteCount >= fixedByteCount else { throw .accuracyMalformed }
    let tokenCount = try fields.count(in: bytes)
    let windowTokenCount = try fields.count(in: bytes)
    let originalPerplexity = try fields.float64(in: bytes)
    let compiledPerplexity = try fields.float64(in: bytes)
    let ratioMean = try fields.float64(in: bytes)
    let ratioLow = try fields.float64(in: bytes)
    let ratioHigh = try fields.float64(in: bytes)
    let divergenceMean = try fields.float64(in: bytes)
    let divergenceP99 = try fields.float64(in: bytes)
    let divergenceLow = try fields.float64(in: bytes)
    let divergenceHigh = try fields.float64(in: bytes)
    let topAgreement = try fields.float64(in: bytes)
    let digest = SHA256Digest(bytes: try fields.bytes(SHA256Digest.byteCount, in: bytes))
    let nameByteCount = Int(try fields.uint32(in: bytes))
    try fields.reservedZero(4, in: bytes)
    guard aligned(nameByteCount, to: recordAlignment) <= fields.remainingByteCount else { throw .accuracyMalformed }
    let nameBytes = try fields.bytes(nameByteCount, in: bytes)
    guard let name = String(validating: nameBytes, as: UTF8.self) else {
      throw .accuracyValue(field: "text name", found: "bytes that are not UTF-8")
    }
    try fields.reservedZero(aligned(nameByteCount, to: recordAlignment) - nameByteCount, in: bytes)
    return AccuracyRecord(
      tokenCount: tokenCount, windowTokenCount: windowTokenCount, originalPerplexity: originalPerplexity,
      compiledPerplexity: compiledPerplexity,
      perplexityRatio: AccuracyRecord.Estimate(mean: ratioMean, low: ratioLow, high: ratioHigh),
      divergence: AccuracyRecord.Estimate(mean: divergenceMean, low: divergenceLow, high: divergenceHigh),
      divergenceP99: divergenceP99, topAgreement: topAgreement, textDigest: digest, textName: name)
  }
}
