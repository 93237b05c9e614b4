import Glibc

/// Questions about files, and reading small ones.
public enum FileSystem {
  /// Whether `path` names anything, a dangling link included.
  public static func exists(_ path: String) -> Bool { FileStatus(path: path) != nil }

  /// Whether `path` names a folder.
  public static func isDirectory(_ path: String) -> Bool { FileStatus(path: path)?.isDirectory ?? false }

  /// Bytes of the regular file at `path`, nil where there is none.
  public static func byteCount(of path: String) -> Int? {
    FileStatus(path: path).flatMap { $0.isRegular ? $0.byteCount : nil }
  }

  /// The names in a folder in ascending order, without `.` and `..`.
  /// - Throws: `notFound`, `permissionDenied`, `readFailed`.
  public static func listDirectory(_ path: String) throws(ByteIOError) -> [String] {
    guard let stream = unsafe opendir(path) else { throw .opening(path, errorNumber: errno) }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    errno = 0
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw .readFailed(path: path, errorNumber: errno) }
    return names.sorted()
  }

  /// Makes a folder; an existing one is left as it is.
  /// - Throws: `folderMissing`, `cannotCreate`, `diskFull`, `destinationExists` when something else has the name.
  public static func createDirectory(_ path: String) throws(ByteIOError) {
    guard unsafe mkdir(path, 0o777) != 0, !(errno == EEXIST && isDirectory(path)) else { return }
    throw .creating(path, inFolder: folder(of: path), errorNumber: errno)
  }

  /// Removes the files `names` of a folder, as far as they are there, and then the folder if it is empty.
  public static func removeDirectory(_ path: String, holding names: [String]) {
    for name in names { unsafe unlink(self.path(path, name)) }
    unsafe rmdir(path)
  }

  /// The bytes of a file that has at most `limit` of them.
  /// - Parameter allowsPipes: whether a pipe will do, for whose writer it waits. False for files nobody named.
  /// - Throws: `notFound`, `isDirectory`, `notARegularFile`, `permissionDenied`, `readFailed`, `fileOverLimit`.
  public static func readSmallFile(
    _ path: String, limit: Int, allowsPipes: Bool = true
  ) throws(ByteIOError) -> [UInt8] {
    let descriptor = try OwnedDescriptor.reading(path, waits: allowsPipes)
    let status = try descriptor.status(path: path)
    if status.isDirectory { throw .isDirectory(path: path) }
    guard status.isRegular || allowsPipes else { throw .notARegularFile(path: path) }
    guard status.byteCount <= limit else {
      throw .fileOverLimit(path: path, byteCount: status.byteCount, limit: limit)
    }
    var content: [UInt8] = []
    content.reserveCapacity(status.byteCount)
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe read(descriptor.number, &buffer, buffer.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw .readFailed(path: path, errorNumber: errno)
      }
      if count == 0 { return content }
      content += buffer[..<count]
      guard content.count <= limit else { throw .fileOverLimit(path: path, byteCount: content.count, limit: limit) }
    }
  }

  /// The folder a path lies in: `a/b` → `a`, `b` → `.`, `/b` → `/`.
  public static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// What follows the last `/` of a path.
  public static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  /// The path of `name` in `folder`.
  public static func path(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }
}

/// Room on a disk.
public enum FreeSpace {
  /// Bytes an ordinary user may still write to the file system of `folder`.
  /// - Throws: `notFound`, `permissionDenied`, `readFailed`.
  public static func byteCount(atFolder folder: String) throws(ByteIOError) -> Int {
    var status = statvfs()
    guard unsafe statvfs(folder, &status) == 0 else { throw .opening(folder, errorNumber: errno) }
    return Int(clamping: status.f_bavail * status.f_frsize)
  }
}
