import Glibc
import Synchronization

/// Whether the user pressed Ctrl-C (or the process was asked to end). Long work asks between two tensors.
public enum Interruption {
  private static let requested = Atomic<Bool>(false)

  /// From now on the first SIGINT or SIGTERM only raises the flag; a second one ends the process.
  public static func watch() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        Interruption.requested.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
  }

  public static var isRequested: Bool { requested.load(ordering: .relaxed) }
}
