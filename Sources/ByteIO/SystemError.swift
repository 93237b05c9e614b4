import Glibc

/// The words of the C library for an error number.
enum SystemError {
  static func text(_ errorNumber: Int32) -> String {
    guard let words = unsafe strerror(errorNumber) else { return "error \(errorNumber)" }
    return unsafe String(cString: words)
  }
}

extension ByteIOError {
  /// The error of an `open` for reading that failed.
  static func opening(_ path: String, errorNumber: Int32) -> ByteIOError {
    switch errorNumber {
    case ENOENT, ENOTDIR: .notFound(path: path)
    case EISDIR: .isDirectory(path: path)
    case EACCES, EPERM: .permissionDenied(path: path)
    default: .readFailed(path: path, errorNumber: errorNumber)
    }
  }

  /// The error of creating a file named `path` in `folder` that failed.
  static func creating(_ path: String, inFolder folder: String, errorNumber: Int32) -> ByteIOError {
    switch errorNumber {
    case ENOENT, ENOTDIR: .folderMissing(path: folder)
    case EEXIST: .destinationExists(path: path)
    case ENOSPC, EDQUOT:
      .diskFull(path: path, neededByteCount: 0, availableByteCount: try? FreeSpace.byteCount(atFolder: folder))
    default: .cannotCreate(path: path, errorNumber: errorNumber)
    }
  }
}
