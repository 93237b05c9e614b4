import Glibc

/// An open file that is closed with its owner.
struct OwnedDescriptor: ~Copyable, Sendable {
  let number: Int32

  init(_ number: Int32) { self.number = number }

  deinit { close(number) }

  /// Opens a file for reading. A pipe is opened without waiting for its writer when `waits` is false.
  static func reading(_ path: String, waits: Bool = true) throws(ByteIOError) -> OwnedDescriptor {
    let flags = O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK)
    var number: Int32
    repeat { number = unsafe open(path, flags) } while number < 0 && errno == EINTR
    guard number >= 0 else { throw .opening(path, errorNumber: errno) }
    return OwnedDescriptor(number)
  }

  /// Opens a file for reading and writing, and makes it where there is none.
  static func creating(_ path: String) throws(ByteIOError) -> OwnedDescriptor {
    let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK
    var number: Int32
    repeat { number = unsafe open(path, flags, 0o666) } while number < 0 && errno == EINTR
    guard number >= 0 else { throw .creating(path, inFolder: FileSystem.folder(of: path), errorNumber: errno) }
    return OwnedDescriptor(number)
  }

  /// Takes the file for this process until it is closed.
  /// - Throws: `inUse` when another process has it.
  func lock(path: String) throws(ByteIOError) {
    while flock(number, LOCK_EX | LOCK_NB) != 0 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK: throw .inUse(path: path)
      default: return  // a file system without locks
      }
    }
  }

  /// A descriptor of the same open file that is closed on its own.
  func duplicate(path: String) throws(ByteIOError) -> OwnedDescriptor {
    let number = fcntl(number, F_DUPFD_CLOEXEC, 0)
    guard number >= 0 else { throw .readFailed(path: path, errorNumber: errno) }
    return OwnedDescriptor(number)
  }

  /// Size and kind of the open file.
  func status(path: String) throws(ByteIOError) -> FileStatus {
    var status = stat()
    guard unsafe fstat(number, &status) == 0 else { throw .readFailed(path: path, errorNumber: errno) }
    return FileStatus(status)
  }

  /// Fills `bytes` with what lies at `offset`, resuming after short reads and signals. `path` is for messages.
  /// - Returns: the bytes read, fewer than asked for where the file ends before.
  func read(at offset: Int, into bytes: inout MutableSpan<UInt8>, path: String) throws(ByteIOError) -> Int {
    var byteCount = 0
    while byteCount < bytes.count {
      let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
        let rest = buffer.extracting(byteCount...)
        return unsafe pread(number, rest.baseAddress, rest.count, offset + byteCount)
      }
      if count > 0 {
        byteCount += count
      } else if count == 0 {
        break
      } else if errno != EINTR {
        throw .readFailed(path: path, errorNumber: errno)
      }
    }
    return byteCount
  }

  /// Writes all of `bytes` at `offset`, resuming after short writes and signals. `path` is for messages.
  func write(_ bytes: Span<UInt8>, at offset: Int, path: String) throws(ByteIOError) {
    var written = 0
    while written < bytes.count {
      let rest = bytes.extracting(written...)
      let count = unsafe rest.withUnsafeBufferPointer { buffer in
        unsafe pwrite(number, buffer.baseAddress, buffer.count, offset + written)
      }
      if count > 0 {
        written += count
      } else if count == 0 || errno == ENOSPC || errno == EDQUOT {
        throw .diskFull(path: path, neededByteCount: rest.count, availableByteCount: freeByteCount)
      } else if errno != EINTR {
        throw .writeFailed(path: path, errorNumber: errno)
      }
    }
  }

  /// Shortens the file to `byteCount`. `path` is for messages.
  func truncate(to byteCount: Int, path: String) throws(ByteIOError) {
    while ftruncate(number, byteCount) != 0 {
      guard errno == EINTR else { throw .writeFailed(path: path, errorNumber: errno) }
    }
  }

  /// Waits until the file's bytes are on the disk.
  func synchronize(path: String) throws(ByteIOError) {
    while fsync(number) != 0 {
      switch errno {
      case EINTR: continue
      case EINVAL, EROFS: return  // this kind of file cannot be synchronized and need not be
      case ENOSPC, EDQUOT: throw .diskFull(path: path, neededByteCount: 0, availableByteCount: freeByteCount)
      default: throw .writeFailed(path: path, errorNumber: errno)
      }
    }
  }

  /// Gives whole pages of the file back to the disk; they read as zeros from then on. Where the file system cannot do
  /// that, nothing happens.
  func discard(_ range: Range<Int>) {
    let address = unsafe mmap(nil, range.count, PROT_READ | PROT_WRITE, MAP_SHARED, number, range.lowerBound)
    guard let address = unsafe address, unsafe address != MAP_FAILED else { return }
    _ = unsafe madvise(address, range.count, MADV_REMOVE)
    unsafe munmap(address, range.count)
  }

  /// Bytes an ordinary user may still write to the file's file system, nil when unknown.
  private var freeByteCount: Int? {
    var status = statvfs()
    return unsafe fstatvfs(number, &status) == 0 ? Int(clamping: status.f_bavail * status.f_frsize) : nil
  }
}

/// Kind and size of a file.
struct FileStatus: Equatable {
  let isRegular: Bool
  let isDirectory: Bool
  let byteCount: Int

  init(_ status: stat) {
    isRegular = status.st_mode & S_IFMT == S_IFREG
    isDirectory = status.st_mode & S_IFMT == S_IFDIR
    byteCount = Int(status.st_size)
  }

  /// What `path` itself names, nil when it names nothing. A symbolic link is followed unless it leads nowhere.
  init?(path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 || lstat(path, &status) == 0 else { return nil }
    self.init(status)
  }
}
