import Foundation

/// A fresh folder; all of a test run's folders disappear with the process.
///
/// Not with the last reference: an optimised build lets go of one right after its last use, while the path lives on.
public final class TemporaryFolder: Sendable {
  public let path: String

  private static let root: String = {
    let path = NSTemporaryDirectory() + "swage-tests-\(getpid())"
    atexit { try? FileManager.default.removeItem(atPath: NSTemporaryDirectory() + "swage-tests-\(getpid())") }
    return path
  }()

  public init() {
    path = Self.root + "/" + UUID().uuidString
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  public func path(_ name: String) -> String { path + "/" + name }
}
