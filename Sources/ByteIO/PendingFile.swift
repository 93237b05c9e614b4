import Glibc

/// A file being written that is not yet where it belongs.
final class PendingFile {
  let descriptor: OwnedDescriptor
  /// Its name meanwhile, nil when it has none.
  private var temporaryPath: String?

  /// - Parameters:
  ///   - path: the place it is meant for.
  ///   - folder: the folder of `path`.
  ///   - nameless: whether to try a nameless file first.
  init(path: String, folder: String, nameless: Bool) throws(ByteIOError) {
    if nameless, let descriptor = try Self.openNameless(path: path, folder: folder) {
      self.descriptor = descriptor
    } else {
      var number: Int32 = -1
      temporaryPath = try Self.createNamed(path: path, folder: folder, &number)
      descriptor = OwnedDescriptor(number)
    }
  }

  /// Opens a file in `folder` that never gets a name.
  static func unnamed(inFolder folder: String) throws(ByteIOError) -> OwnedDescriptor {
    let path = FileSystem.path(folder, "scratch")
    if let descriptor = try openNameless(path: path, folder: folder) { return descriptor }
    var number: Int32 = -1
    let temporaryPath = try createNamed(path: path, folder: folder, &number)
    unsafe unlink(temporaryPath)
    return OwnedDescriptor(number)
  }

  /// Moves the file to `path`.
  func publish(as path: String, folder: String, replacing: Bool) throws(ByteIOError) {
    // A hard link is refused by the system when the name is taken, so a file that appeared meanwhile survives.
    if link(to: path) { return discard() }
    guard errno == EEXIST || temporaryPath != nil else {
      throw .creating(path, inFolder: folder, errorNumber: errno)
    }
    // Where there are no hard links, this look is what protects such a file.
    if !replacing, FileSystem.exists(path) { throw .destinationExists(path: path) }
    if temporaryPath == nil {
      temporaryPath = try Self.firstFreeName(besides: path, folder: folder) { link(to: $0) }
    }
    guard let temporary = temporaryPath, unsafe rename(temporary, path) == 0 else {
      throw .creating(path, inFolder: folder, errorNumber: errno)
    }
    temporaryPath = nil
  }

  /// Removes the temporary name, if there is one.
  func discard() {
    if let temporaryPath { unsafe unlink(temporaryPath) }
    temporaryPath = nil
  }

  /// Gives the file a further name; false, with `errno` set, when that fails.
  private func link(to name: String) -> Bool {
    if let temporaryPath { return unsafe linkat(AT_FDCWD, temporaryPath, AT_FDCWD, name, 0) == 0 }
    return unsafe linkat(AT_FDCWD, Self.processPath(descriptor.number), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0
  }

  /// Opens a nameless file; nil where the file system knows none, or where one could not be given a name later.
  private static func openNameless(path: String, folder: String) throws(ByteIOError) -> OwnedDescriptor? {
    let number = unsafe open(folder, temporaryFileFlag | O_RDWR | O_CLOEXEC, 0o666)
    guard number >= 0 else {
      if [EOPNOTSUPP, EISDIR, EINVAL, ENOSYS].contains(errno) { return nil }
      throw .creating(path, inFolder: folder, errorNumber: errno)
    }
    let descriptor = OwnedDescriptor(number)
    guard unsafe access(processPath(number), F_OK) == 0 else { return nil }
    return descriptor
  }

  private static func createNamed(
    path: String, folder: String, _ number: inout Int32
  ) throws(ByteIOError) -> String {
    var created: Int32 = -1
    defer { number = created }
    return try firstFreeName(besides: path, folder: folder) { name in
      created = unsafe open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      return created >= 0
    }
  }

  private static func processPath(_ descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }

  /// `O_TMPFILE`, whose definition Swift cannot import.
  private static let temporaryFileFlag = O_DIRECTORY | 0o20_000_000

  /// Tries `create` with `.NAME.partial-PID` and, while that is taken, with a number after it.
  private static func firstFreeName(
    besides path: String, folder: String, create: (String) -> Bool
  ) throws(ByteIOError) -> String {
    let base = FileSystem.path(folder, ".\(FileSystem.name(of: path)).partial-\(getpid())")
    for attempt in 0..<1_000 {
      let name = attempt == 0 ? base : "\(base)-\(attempt)"
      if create(name) { return name }
      guard errno == EEXIST else { break }
    }
    throw .creating(path, inFolder: folder, errorNumber: errno)
  }
}
