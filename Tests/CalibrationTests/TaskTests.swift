@testable import Calibration
import ModelGraph
import PassKit
import TensorCore
import Testing

/// Several texts, each of a task.
@Suite struct TaskTests {
  /// A text whose tokens tell where they come from.
  private func text(_ first: Int, count: Int = 4_000) throws -> CalibrationText {
    try CalibrationText(
      ids: (0..<count).map { first + $0 % 997 }, name: "\(first)", beginningOfSequence: first == 0 ? nil : 9_999,
      vocabularyCount: 10_000)
  }

  private func sample(
    _ texts: [CalibrationText], _ tasks: [String], _ count: Int, seed: UInt64 = 5, judges: Bool = false
  ) throws -> CalibrationSample {
    try CalibrationSample(
      of: texts, tasks: tasks, sequenceCount: count, length: 20, seed: seed, contextLength: 64,
      judgesCandidates: judges)
  }

  @Test func sequencesAreSharedOutEvenly() throws {
    let texts = [try text(0), try text(1_000), try text(2_000)]
    let sample = try sample(texts, ["a", "b", "c"], 11)
    #expect(sample.tasks.map(\.name) == ["a", "b", "c"])
    #expect(sample.tasks.map(\.sequences) == [0..<4, 4..<8, 8..<11])
    for (number, task) in sample.tasks.enumerated() {
      for sequence in sample.sequences[task.sequences] {
        #expect(sequence.count == 20 && (sequence[0] == 9_999) == (number > 0))
        #expect(sequence.dropFirst().allSatisfy { (number * 1_000..<(number + 1) * 1_000).contains($0) })
      }
      // What is drawn from a text is what is drawn where it is the only one.
      let alone = try self.sample([texts[number]], [], task.sequences.count)
      #expect(alone.sequences == Array(sample.sequences[task.sequences]) && alone.tasks.isEmpty)
      #expect(alone.heldOut.starts(with: sample.heldOut.filter { $0[1] / 1_000 == number }))
    }
    // All texts have their part in what candidates are judged on, which is as much as for one.
    #expect(sample.heldOut.count == 64)
    #expect((0..<3).map { number in sample.heldOut.count { $0[1] / 1_000 == number } } == [22, 21, 21])
    #expect(try self.sample(texts, ["a", "b", "c"], 11, seed: 6).sequences != sample.sequences)
  }

  @Test func aTextTooShortForItsShareIsNamed() throws {
    let texts = [try text(0), try text(1_000, count: 100)]
    let error = try #require(throws: CalibrationError.self) { try sample(texts, ["a", "b"], 40) }
    #expect(
      error
        == .tooShort(
          path: "1000", tokenCount: 100, needed: 380, windowTokenCount: 19, heldOutCount: 0, textCount: 2))
    // Five windows fit; the sequences are shared by both texts.
    #expect(error.diagnosis.fix.contains("sequences=10,"))
    #expect(throws: CalibrationError.fewerSequencesThanTasks(sequenceCount: 1, taskCount: 2)) {
      try sample(texts, ["a", "b"], 1)
    }
    #expect(try sample(texts, ["a", "b"], 10).heldOut.count == 32)
    #expect(throws: CalibrationError.self) { try sample(texts, ["a", "b"], 10, judges: true) }
  }

  @Test(arguments: ["tiny/olmoe", "tiny/qwen2-moe"])
  func statisticsOfTasksAddUpToThoseOfAll(name: String) throws {
    let fixture = try Fixture(name, sequenceCount: 5, length: 20)
    let parts = [0..<2, 2..<3, 3..<5]
    let tasks = parts.enumerated().map { CalibrationSample.Task(name: "t\($0)", sequences: $1) }
    func sweep(_ sequences: [[Int]], _ tasks: [CalibrationSample.Task] = []) throws -> [MixtureUse] {
      let sweep = BlockSweep(
        sequences: sequences, tasks: tasks, context: Fixture.context(), budget: try fixture.budget())
      try sweep.restart(on: fixture.model)
      #expect(sweep.taskNames == tasks.map(\.name))
      return try fixture.model.graph.blocks.flatMap { block in
        defer { try? sweep.advance(through: block, in: fixture.model) }
        return try sweep.mixtureUses(in: block, of: fixture.model)
      }
    }
    let all = try sweep(fixture.sequences), split = try sweep(fixture.sequences, tasks)
    #expect(all.count == split.count && !all.isEmpty && all.allSatisfy(\.tasks.isEmpty))
    for (whole, use) in zip(all, split) {
      #expect(use.router == whole.router && use.tokenCount == whole.tokenCount && use.tasks.count == 3)
      #expect(use.tasks.reduce(0) { $0 + $1.tokenCount } == whole.tokenCount)
      for (expert, figures) in whole.experts.enumerated() {
        let found = use.experts[expert], parts = use.tasks.map { $0.experts[expert] }
        #expect(found.tokenCount == figures.tokenCount && found.largestActivation == figures.largestActivation)
        #expect(parts.reduce(0) { $0 + $1.tokenCount } == figures.tokenCount)
        for sum in [\ExpertUse.probabilitySum, \.chosenProbabilitySum, \.gateSum, \.outputSum, \.energy] {
          let figure = figures[keyPath: sum], total = parts.reduce(0) { $0 + $1[keyPath: sum] }
          #expect(abs(found[keyPath: sum] - figure) <= 1e-9 * figure && abs(total - figure) <= 1e-9 * figure)
        }
      }
    }
    // A task's figures are those of a sweep over its sequences alone.
    for (number, part) in parts.enumerated() {
      #expect(try sweep(Array(fixture.sequences[part])) == split.map { $0.tasks[number] })
    }
    #expect(split.contains { $0.tasks[0].experts != $0.tasks[2].experts })
  }
}
