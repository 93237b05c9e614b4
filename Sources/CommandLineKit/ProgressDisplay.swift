import ByteIO
import Diagnostics
import Synchronization

/// One line of progress with an estimate of the time left: redrawn on a terminal, a plain line now and then in a pipe.
public final class ProgressDisplay: Sendable {
  private struct State {
    var lastUpdate: ContinuousClock.Instant?
    var phase = ""
    var start = ContinuousClock.now
    var isLineOpen = false
  }

  private let stream = StandardStream.error
  private let isTerminal: Bool
  private let begin = ContinuousClock.now
  private let state = Mutex(State())

  public init() { isTerminal = stream.isTerminal }

  /// Says how far the work is.
  /// - Parameters:
  ///   - phase: a stretch of even work; the estimate counts from its beginning.
  ///   - label: what is being worked on, such as `quantize layers.3`.
  ///   - fraction: share of the phase that is done, 0…1.
  public func update(phase: String, label: String, fraction: Double) {
    let now = ContinuousClock.now
    state.withLock { state in
      if state.phase != phase { (state.phase, state.start) = (phase, now) }
      let interval: Duration = isTerminal ? .milliseconds(100) : .seconds(10)
      if let last = state.lastUpdate, now - last < interval { return }
      // A pipe gets its first line only after one interval: short work stays silent.
      if state.lastUpdate == nil, !isTerminal, now - begin < interval { return }
      state.lastUpdate = now
      let text = line(label: label, fraction: fraction, elapsed: (now - state.start) / .seconds(1))
      if isTerminal {
        try? stream.write("\r\u{1B}[K" + String(text.prefix(stream.columnCount - 1)))
        state.isLineOpen = true
      } else {
        try? stream.write(text + "\n")
      }
    }
  }

  /// Clears the line, so that what comes next starts on an empty one.
  public func finish() {
    state.withLock { state in
      if state.isLineOpen { try? stream.write("\r\u{1B}[K") }
      state.isLineOpen = false
    }
  }

  private func line(label: String, fraction: Double, elapsed: Double) -> String {
    let share = min(1, max(0, fraction))
    let percent = NumberText.fixed(share * 100, 0)
    var text = "\(label)  \(percent)%  \(NumberText.duration(elapsed))"
    if share > 0.02 { text += "  about \(NumberText.duration(elapsed * (1 - share) / share)) left" }
    if isTerminal {
      let width = 24
      let filled = Int(share * Double(width))
      text = "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "] " + text
    }
    return text
  }
}
