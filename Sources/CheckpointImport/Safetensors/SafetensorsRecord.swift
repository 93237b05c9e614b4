import ForeignFormats

/// What a header says of one tensor, consistent in itself. Offsets count from the end of the header.
struct SafetensorsRecord: Sendable {
  let name: String
  let type: SafetensorsType
  let dimensions: [Int]
  let begin: Int
  let end: Int

  /// Unknown fields are ignored.
  init(_ value: JSONValue, name: String, file: String) throws(SafetensorsError) {
    guard let object = value.object else { throw .recordNotAnObject(file: file, tensor: name, found: value.kind) }
    let fields = RecordFields(object: object, file: file, tensor: name)

    let typeName = try fields.value("dtype", "a text", \.string)
    guard let type = SafetensorsType(rawValue: typeName) else {
      throw .unknownType(file: file, tensor: name, type: typeName)
    }
    var dimensions: [Int] = []
    for element in try fields.value("shape", "a list", \.array) {
      guard let dimension = element.integer, dimension >= 0 else {
        throw .invalidDimension(file: file, tensor: name, found: element.shown)
      }
      dimensions.append(Int(dimension))
    }
    var offsets: [Int] = []
    for element in try fields.value("data_offsets", "a list of two offsets", { $0.array?.count == 2 ? $0.array : nil })
    {
      guard let offset = element.integer, offset >= 0 else {
        throw .invalidOffset(file: file, tensor: name, found: element.shown)
      }
      offsets.append(Int(offset))
    }
    let begin = offsets[0], end = offsets[1]
    guard begin <= end else { throw .rangeReversed(file: file, tensor: name, begin: begin, end: end) }

    var bitCount = type.bitCount
    for dimension in dimensions {
      let (product, overflows) = bitCount.multipliedReportingOverflow(by: dimension)
      guard !overflows else { throw .elementCountOverflow(file: file, tensor: name, dimensions: dimensions) }
      bitCount = product
    }
    guard bitCount % 8 == 0 else { throw .partialByte(file: file, tensor: name, bitCount: bitCount) }
    guard bitCount / 8 == end - begin else {
      throw .wrongByteCount(file: file, tensor: name, expected: bitCount / 8, found: end - begin)
    }
    self.name = name
    self.type = type
    self.dimensions = dimensions
    self.begin = begin
    self.end = end
  }
}

/// The fields of one record, taken by name and kind.
private struct RecordFields {
  let object: JSONObject
  let file: String
  let tensor: String

  func value<Value>(
    _ field: String, _ expected: String, _ extract: (JSONValue) -> Value?
  ) throws(SafetensorsError) -> Value {
    guard let value = object[field] else { throw .fieldMissing(file: file, tensor: tensor, field: field) }
    guard let extracted = extract(value) else {
      throw .fieldOfWrongKind(file: file, tensor: tensor, field: field, expected: expected, found: value.kind)
    }
    return extracted
  }
}

extension JSONValue {
  /// A number as it reads, anything else by its kind.
  fileprivate var shown: String {
    if let integer { return String(integer) }
    return double.map { String($0) } ?? kind
  }
}
