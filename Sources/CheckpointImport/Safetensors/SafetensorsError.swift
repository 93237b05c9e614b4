/// Why a safetensors file, or a tensor in it, is not accepted. `file` is the path.
public enum SafetensorsError: Error, Equatable, Sendable {
  // The container.
  case fileTooShort(file: String, byteCount: Int)
  /// A Git LFS pointer that stands where the file should be.
  case pointerFile(file: String)
  case headerOverLimit(file: String, declared: UInt64, limit: Int)
  case headerPastEnd(file: String, declared: Int, available: Int)
  case headerNotAnObject(file: String, firstByte: UInt8?)
  case headerNotUTF8(file: String, offset: Int)
  case headerNotJSON(file: String, reason: String)
  case duplicateKey(file: String, reason: String)
  case metadataNotAnObject(file: String, found: String)
  case metadataNotText(file: String, key: String, found: String)

  // Records of the directory.
  case tooManyTensors(file: String, count: Int, limit: Int)
  case nameTooLong(file: String, nameStart: String, byteCount: Int, limit: Int)
  case recordNotAnObject(file: String, tensor: String, found: String)
  case fieldMissing(file: String, tensor: String, field: String)
  case fieldOfWrongKind(file: String, tensor: String, field: String, expected: String, found: String)
  case unknownType(file: String, tensor: String, type: String)
  case invalidDimension(file: String, tensor: String, found: String)
  case invalidOffset(file: String, tensor: String, found: String)
  case elementCountOverflow(file: String, tensor: String, dimensions: [Int])
  case partialByte(file: String, tensor: String, bitCount: Int)

  // Where the bytes lie. Offsets count from the end of the header.
  case rangeReversed(file: String, tensor: String, begin: Int, end: Int)
  case rangePastEnd(file: String, tensor: String, end: Int, available: Int)
  case wrongByteCount(file: String, tensor: String, expected: Int, found: Int)
  case overlap(file: String, tensor: String, with: String)
  case hole(file: String, before: String, byteCount: Int)
  case trailingBytes(file: String, byteCount: Int)

  // A tensor that a model needs.
  case typeNotReadable(file: String, tensor: String, type: SafetensorsType)
}
