import TensorCore

/// Sequences to take statistics from, and windows of the same text to judge candidates on that no statistics see.
public struct CalibrationSample: Sendable, Equatable {
  /// Each of as many tokens as asked for, the beginning-of-sequence token included where there is one.
  public let sequences: [[Int]]
  /// In the order of the text.
  public let heldOut: [[Int]]

  /// Fewest and most windows that candidates are judged on.
  public static let heldOutRange = 16...64

  /// Cuts the text into consecutive windows. The last fifth of them, at least 16 and at most 64, is held out; sequences
  /// are drawn from the others without replacement, so that none overlap.
  /// - Parameters:
  ///   - sequenceCount: how many to draw.
  ///   - length: tokens in each.
  ///   - seed: decides which; the same text, count, length and seed give the same sequences.
  ///   - judgesCandidates: whether held-out windows are needed; without need a text that is too short to hold any out
  ///     is accepted.
  /// - Throws: `CalibrationError.tooShort`, `lengthOutOfRange`.
  public init(
    of text: CalibrationText, sequenceCount: Int, length: Int, seed: UInt64, contextLength: Int,
    judgesCandidates: Bool = false
  ) throws(CalibrationError) {
    let prefix = text.beginningOfSequence.map { [$0] } ?? []
    // Two tokens of text, so that one can be predicted from another.
    let least = prefix.count + 2
    guard length >= least, length <= contextLength else {
      throw .lengthOutOfRange(length: length, least: least, contextLength: contextLength)
    }
    let windowTokenCount = length - prefix.count
    let windowCount = text.ids.count / windowTokenCount
    let reservedCount = judgesCandidates ? Self.heldOutRange.lowerBound : 0
    guard windowCount >= sequenceCount + reservedCount else {
      throw .tooShort(
        path: text.path, tokenCount: text.ids.count, needed: (sequenceCount + reservedCount) * windowTokenCount,
        windowTokenCount: windowTokenCount, heldOutCount: reservedCount)
    }
    let share = min(Self.heldOutRange.upperBound, max(Self.heldOutRange.lowerBound, windowCount / 5))
    let heldOutCount = min(share, windowCount - sequenceCount)
    func window(_ number: Int) -> [Int] {
      prefix + text.ids[number * windowTokenCount..<(number + 1) * windowTokenCount]
    }
    var generator = SplitMix64(seed: seed)
    var numbers = Array(0..<windowCount - heldOutCount)
    for place in 0..<sequenceCount {
      let rest = UInt64(numbers.count - place)
      numbers.swapAt(place, place + Int(generator.next().multipliedFullWidth(by: rest).high))
    }
    sequences = numbers[..<sequenceCount].sorted().map(window)
    heldOut = (windowCount - heldOutCount..<windowCount).map(window)
  }
}
