import Glibc

/// A thread that runs beside everything else, and is waited for when its owner lets go of it.
public final class BackgroundThread: Sendable {
  private let thread: pthread_t

  /// - Parameter body: must return soon after it is told to, by means of its own, and must not hold this object.
  public init(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let argument = unsafe Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    let status = unsafe pthread_create(
      &thread, nil,
      { argument in
        unsafe Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, argument)
    precondition(status == 0, "the system refused a new thread")
    self.thread = thread
  }

  deinit { pthread_join(thread, nil) }
}

/// Carries a closure through the system's untyped argument.
private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
