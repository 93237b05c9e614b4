/// What can go wrong between Swage and bytes: reading them, writing them, or finding them out of shape.
public enum ByteIOError: Error, Equatable, Sendable {
  // Reading files.
  case notFound(path: String)
  case isDirectory(path: String)
  case notARegularFile(path: String)
  case permissionDenied(path: String)
  case readFailed(path: String, errorNumber: Int32)
  case changedWhileOpen(path: String, expectedByteCount: Int, foundByteCount: Int)
  case fileOverLimit(path: String, byteCount: Int, limit: Int)
  case noMemory(byteCount: Int)

  // Creating and writing files.
  case destinationExists(path: String)
  case destinationNotAFile(path: String)
  case folderMissing(path: String)
  case cannotCreate(path: String, errorNumber: Int32)
  case diskFull(path: String, neededByteCount: Int, availableByteCount: Int?)
  case writeFailed(path: String, errorNumber: Int32)
  case inUse(path: String)

  // Reading fields. Offsets count from the start of the bytes the cursor was given.
  case truncated(at: Int, neededByteCount: Int, availableByteCount: Int)
  case reservedNotZero(at: Int, found: UInt8)
  case notUTF8(at: Int)
  case countTooLarge(at: Int, found: UInt64)

  // LZ4 frames.
  case frameMalformed(reason: String)
  case frameWithoutChecksum
  case frameWrongByteCount(expected: Int, found: UInt64)
  case frameOverLimit(byteCount: Int, limit: Int)
  case frameTrailingBytes(byteCount: Int)
  case compressionFailed(reason: String)
}
