import Glibc

/// Standard output or standard error, written without buffering so that streamed text appears as it is made.
public enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Writes all of `text`.
  /// - Throws: `writeFailed`, as on a full disk or a closed stream.
  public func write(_ text: String) throws(ByteIOError) {
    var text = text
    let errorNumber: Int32? = text.withUTF8 { bytes in
      var written = 0
      while written < bytes.count {
        let count = unsafe Glibc.write(rawValue, bytes.baseAddress?.advanced(by: written), bytes.count - written)
        if count < 0 && errno == EINTR { continue }
        if count <= 0 { return errno }
        written += count
      }
      return nil
    }
    if let errorNumber {
      throw .writeFailed(path: self == .output ? "standard output" : "standard error", errorNumber: errorNumber)
    }
  }

  /// Whether a person is looking.
  public var isTerminal: Bool { isatty(rawValue) == 1 }

  /// Columns of the terminal, 80 where unknown.
  public var columnCount: Int {
    var size = winsize()
    guard unsafe ioctl(rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }
}
