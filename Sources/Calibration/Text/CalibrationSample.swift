import TensorCore

/// Sequences to take statistics from, and windows of the same texts to judge candidates on that no statistics see.
public struct CalibrationSample: Sendable, Equatable {
  /// Each of as many tokens as asked for, the beginning-of-sequence token included where there is one. Those of a text
  /// follow one another.
  public let sequences: [[Int]]
  /// The tasks that the texts stand for, in their order; none where there is one text without a name.
  public let tasks: [Task]
  /// In the order of the texts.
  public let heldOut: [[Int]]

  /// A task and its part of the sequences.
  public struct Task: Sendable, Equatable {
    public let name: String
    public let sequences: Range<Int>

    public init(name: String, sequences: Range<Int>) {
      self.name = name
      self.sequences = sequences
    }
  }

  /// Fewest and most windows that candidates are judged on.
  public static let heldOutRange = 16...64

  /// Samples one text; see ``init(of:tasks:sequenceCount:length:seed:contextLength:judgesCandidates:)``.
  /// - Throws: `CalibrationError.tooShort`, `lengthOutOfRange`.
  public init(
    of text: CalibrationText, sequenceCount: Int, length: Int, seed: UInt64, contextLength: Int,
    judgesCandidates: Bool = false
  ) throws(CalibrationError) {
    try self.init(
      of: [text], tasks: [], sequenceCount: sequenceCount, length: length, seed: seed, contextLength: contextLength,
      judgesCandidates: judgesCandidates)
  }

  /// Cuts each text into consecutive windows. The last fifth of them, at least 16 and at most 64, is not sampled, and
  /// candidates are judged on it; sequences are drawn from the others without replacement, so that none overlap.
  ///
  /// Sequences, and windows to judge on, are shared out evenly over the texts. What is drawn from a text depends on it
  /// and its share alone.
  /// - Parameters:
  ///   - tasks: the name of each text's task; none where there is one text without a name.
  ///   - sequenceCount: how many to draw in all.
  ///   - length: tokens in each.
  ///   - seed: decides which; the same text, count, length and seed give the same sequences.
  ///   - judgesCandidates: whether held-out windows are needed; without need a text that is too short to hold any out
  ///     is accepted.
  /// - Throws: `CalibrationError.tooShort`, `lengthOutOfRange`, `fewerSequencesThanTasks`.
  public init(
    of texts: [CalibrationText], tasks names: [String], sequenceCount: Int, length: Int, seed: UInt64,
    contextLength: Int, judgesCandidates: Bool = false
  ) throws(CalibrationError) {
    precondition(names.isEmpty ? texts.count == 1 : texts.count == names.count)
    guard sequenceCount >= texts.count else {
      throw .fewerSequencesThanTasks(sequenceCount: sequenceCount, taskCount: texts.count)
    }
    var sequences: [[Int]] = [], heldOut: [[Int]] = [], tasks: [Task] = []
    for (index, text) in texts.enumerated() {
      let windows = try Windows(of: text, length: length, contextLength: contextLength)
      let count = Self.share(index, of: sequenceCount, textCount: texts.count)
      let most = Self.share(index, of: Self.heldOutRange.upperBound, textCount: texts.count)
      let least = Self.share(index, of: Self.heldOutRange.lowerBound, textCount: texts.count)
      let split = try windows.split(
        sequenceCount: count, leastHeldOut: judgesCandidates ? least : 0, seed: seed, textCount: texts.count)
      if !names.isEmpty {
        tasks.append(Task(name: names[index], sequences: sequences.count..<sequences.count + count))
      }
      sequences += split.sampled
      heldOut += split.rest.prefix(max(1, most))
    }
    self.sequences = sequences
    self.tasks = tasks
    self.heldOut = heldOut
  }

  private static func share(_ index: Int, of count: Int, textCount: Int) -> Int {
    count / textCount + (index < count % textCount ? 1 : 0)
  }
}

/// A text cut into consecutive windows.
private struct Windows {
  private let text: CalibrationText
  private let prefix: [Int]
  /// Tokens of the text in each.
  private let tokenCount: Int

  init(of text: CalibrationText, length: Int, contextLength: Int) throws(CalibrationError) {
    self.text = text
    prefix = text.beginningOfSequence.map { [$0] } ?? []
    // Two tokens of text, so that one can be predicted from another.
    let least = prefix.count + 2
    guard length >= least, length <= contextLength else {
      throw .lengthOutOfRange(length: length, least: least, contextLength: contextLength)
    }
    tokenCount = length - prefix.count
  }

  /// Draws windows, and tells which were not to be drawn.
  /// - Parameters:
  ///   - leastHeldOut: how many of those there must be.
  ///   - textCount: texts that share the sequences.
  func split(
    sequenceCount: Int, leastHeldOut: Int, seed: UInt64, textCount: Int
  ) throws(CalibrationError) -> (sampled: [[Int]], rest: [[Int]]) {
    let range = CalibrationSample.heldOutRange, count = text.ids.count / tokenCount
    guard count >= sequenceCount + leastHeldOut else {
      throw .tooShort(
        path: text.path, tokenCount: text.ids.count, needed: (sequenceCount + leastHeldOut) * tokenCount,
        windowTokenCount: tokenCount, heldOutCount: leastHeldOut, textCount: textCount)
    }
    let heldOutCount = min(min(range.upperBound, max(range.lowerBound, count / 5)), count - sequenceCount)
    var generator = SplitMix64(seed: seed)
    var numbers = Array(0..<count - heldOutCount)
    for place in 0..<sequenceCount {
      let rest = UInt64(numbers.count - place)
      numbers.swapAt(place, place + Int(generator.next().multipliedFullWidth(by: rest).high))
    }
    return (numbers[..<sequenceCount].sorted().map(window), (count - heldOutCount..<count).map(window))
  }

  private func window(_ number: Int) -> [Int] { prefix + text.ids[number * tokenCount..<(number + 1) * tokenCount] }
}
