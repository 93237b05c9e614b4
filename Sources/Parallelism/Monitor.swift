import Glibc

/// A value that threads share: looked at and changed by one at a time, and waited for.
///
/// `@unchecked Sendable`: `state` is touched only with the mutex held.
@safe public final class Monitor<State: Sendable>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  private var state: State

  public init(_ state: State) {
    self.state = state
    unsafe mutex = .allocate(capacity: 1)
    unsafe changed = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(changed, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(changed)
    unsafe pthread_mutex_destroy(mutex)
    unsafe changed.deallocate()
    unsafe mutex.deallocate()
  }

  /// Lends the state. Nobody who waits learns of a change before ``wake()``.
  public func withLock<Value, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Lends the state, and again after each ``wake()``, until `body` returns something.
  public func wait<Value>(_ body: (inout State) -> Value?) -> Value {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while true {
      if let value = body(&state) { return value }
      unsafe pthread_cond_wait(changed, mutex)
    }
  }

  /// Lets all who wait look at the state again.
  public func wake() { unsafe pthread_cond_broadcast(changed) }
}
