import Diagnostics
import Foundation
import Metrics
import Parallelism
import Testing

@testable import PackRuntime

/// A model whose logits are a formula of the token before, and which remembers what it was asked.
private final class FormulaStream: LogitStream {
  let vocabularyCount: Int
  private let logit: (_ previous: Int, _ token: Int) -> Float
  private(set) var reads: [[Int]] = []
  private(set) var restarts = 0

  init(vocabularyCount: Int, _ logit: @escaping (_ previous: Int, _ token: Int) -> Float) {
    self.vocabularyCount = vocabularyCount
    self.logit = logit
  }

  func restart() { restarts += 1 }

  func read(_ ids: [Int], _ body: (Span<Float>) throws -> Void) throws {
    reads.append(ids)
    for id in ids {
      let row = (0..<vocabularyCount).map { logit(id, $0) }
      try body(row.span)
    }
  }
}

@Suite struct ScoringTests {
  private let pool = WorkerPool(threadCount: 2)

  @Test func scoresEveryPositionButAWindowsFirst() throws {
    // After token t, token t + 1 modulo 4 has probability e / (e + 3).
    let stream = FormulaStream(vocabularyCount: 4) { ($0 + 1) % 4 == $1 ? 1 : 0 }
    let tokens = [0, 1, 2, 2, 3, 0, 1, 1, 3]
    let plan = try WindowPlan(tokenCount: tokens.count, windowTokenCount: 4, contextLength: 16)
    let report = try Scoring(tokens: tokens, plan: plan, pool: pool).run(stream)
    #expect(stream.reads == [[0, 1, 2, 2], [3, 0, 1, 1]])
    #expect(stream.restarts == 2)
    #expect(report.tokenCount == 6 && report.windowCount == 2)
    // Four of six are successors; the other two have probability 1 / (e + 3).
    let expected = (6 * log(M_E + 3) - 4) / 6
    #expect(abs(report.meanLoss - expected) < 1e-9)
    #expect(abs(report.perplexity - exp(expected)) < 1e-8)
  }

  @Test func theBeginningTokenPredictsAWindowsFirst() throws {
    let stream = FormulaStream(vocabularyCount: 4) { ($0 + 1) % 4 == $1 ? 1 : 0 }
    let tokens = [0, 1, 0, 3]
    let plan = try WindowPlan(
      tokenCount: tokens.count, windowTokenCount: 3, contextLength: 16, beginningOfSequence: 3)
    let report = try Scoring(tokens: tokens, plan: plan, pool: pool).run(stream)
    #expect(stream.reads == [[3, 0, 1], [3, 0, 3]])
    #expect(report.tokenCount == 4)
    #expect(abs(report.meanLoss - (4 * log(M_E + 3) - 3) / 4) < 1e-9)
  }

  @Test func cutsLongWindowsIntoSlicesWithoutForgetting() throws {
    let vocabularyCount = 3_000_000
    let stream = FormulaStream(vocabularyCount: vocabularyCount) { $1 == $0 + 1 ? 20 : 0 }
    let plan = try WindowPlan(tokenCount: 5, windowTokenCount: 5, contextLength: 8)
    var received = 0
    let report = try Scoring(tokens: [7, 8, 9, 10, 12], plan: plan, pool: pool).run(
      stream, receive: { received += $0.count })
    #expect(stream.reads == [[7, 8], [9, 10], [12]])
    #expect(stream.restarts == 1)
    #expect(received == 5 * vocabularyCount)
    let logSum = log(exp(20.0) + Double(vocabularyCount - 1))
    #expect(abs(report.meanLoss - (logSum - 15)) < 1e-9)
  }

  @Test func namesThePositionOfALogitThatIsNotANumber() throws {
    let stream = FormulaStream(vocabularyCount: 3) { $0 == 2 && $1 == 1 ? .nan : 0 }
    let plan = try WindowPlan(tokenCount: 6, windowTokenCount: 3, contextLength: 8)
    let scoring = Scoring(tokens: [0, 0, 0, 0, 2, 0], plan: plan, pool: pool)
    #expect(throws: ScoringError.unmeasurable(.nonFiniteLogit(.scored, position: 4, token: 1))) {
      try scoring.run(stream)
    }
  }

  @Test func namesATargetOutsideTheVocabulary() throws {
    let stream = FormulaStream(vocabularyCount: 3) { _, _ in 0 }
    let plan = try WindowPlan(tokenCount: 2, windowTokenCount: nil, contextLength: 8)
    #expect(
      throws: ScoringError.unmeasurable(.targetOutsideVocabulary(target: 3, vocabularyCount: 3, position: 0))
    ) { try Scoring(tokens: [0, 3], plan: plan, pool: pool).run(stream) }
  }

  @Test func threadsDoNotChangeTheFigures() throws {
    let tokens = (0..<300).map { $0 * 7 % 50 }
    let plan = try WindowPlan(tokenCount: 300, windowTokenCount: 20, contextLength: 32)
    let reports = try [1, 3].map { threads in
      try Scoring(tokens: tokens, plan: plan, pool: WorkerPool(threadCount: threads)).run(
        FormulaStream(vocabularyCount: 50) { Float(($0 * 31 + $1 * 17) % 23) / 5 })
    }
    #expect(reports[0] == reports[1])
    #expect(try #require(reports[0].perplexityStandardError) > 0)
  }

  @Test func theDocumentHoldsTheContractedKeys() throws {
    let plan = try WindowPlan(tokenCount: 4, windowTokenCount: 4, contextLength: 8)
    let report = try Scoring(tokens: [0, 0, 0, 0], plan: plan, pool: pool).run(
      FormulaStream(vocabularyCount: 8) { _, _ in 0 })
    let object = try JSONSerialization.jsonObject(with: Data(JSONText.object(report.members).text.utf8)) as? [String: Any]
    #expect(abs((object?["perplexity"] as? Double ?? 0) - 8) < 1e-9)
    #expect(object?["tokens"] as? Int == 3)
    #expect(report.table == "perplexity  8.0000 ± 0.0000   3 tokens scored in 1 windows of 4")
  }
}

@Suite struct WindowPlanTests {
  @Test(
    arguments: [
      // tokens, window, limit, windows, scored
      (340_500, 256, nil, 1_330, 339_150), (340_480, 256, 16_384, 64, 16_320), (256, 256, nil, 1, 255),
      (257, 256, nil, 1, 255), (255, 256, nil, 1, 254), (2, 256, nil, 1, 1), (512, 256, 300, 1, 255),
      (10, 2, nil, 5, 5), (1_000, 256, 5_000, 3, 765),
    ] as [(Int, Int, Int?, Int, Int)])
  func countsWindows(tokens: Int, window: Int, limit: Int?, windows: Int, scored: Int) throws {
    let plan = try WindowPlan(tokenCount: tokens, windowTokenCount: window, contextLength: 512, tokenCountLimit: limit)
    #expect(plan.windows.count == windows)
    #expect(plan.scoredCount == scored)
    #expect(plan.windows.first?.lowerBound == 0)
    #expect(zip(plan.windows, plan.windows.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
  }

  @Test func theBeginningTokenTakesAPlaceInEveryWindow() throws {
    let plan = try WindowPlan(tokenCount: 11, windowTokenCount: 4, contextLength: 512, beginningOfSequence: 9)
    #expect(plan.windows == [0..<3, 3..<6, 6..<9])
    #expect(plan.scoredCount == 9 && plan.readCount == 12)
    #expect(plan.ids(ofWindow: 1, in: Array(100..<111)) == [9, 103, 104, 105])
    #expect(plan.position(ofWindow: 0, offset: 0) == -1)
    #expect(plan.position(ofWindow: 1, offset: 1) == 3)
    #expect(
      try WindowPlan(tokenCount: 1, windowTokenCount: 4, contextLength: 8, beginningOfSequence: 9).scoredCount == 1)
  }

  @Test func theDefaultWindowFitsTheContext() throws {
    #expect(try WindowPlan(tokenCount: 999, windowTokenCount: nil, contextLength: 4_096).windowTokenCount == 256)
    #expect(try WindowPlan(tokenCount: 999, windowTokenCount: nil, contextLength: 64).windowTokenCount == 64)
  }

  @Test(arguments: [1, 0, -5, 129, Int.max])
  func refusesWindowsThatDoNotFit(window: Int) {
    #expect(throws: ScoringError.windowOutOfRange(requested: window, contextLength: 128)) {
      try WindowPlan(tokenCount: 1_000, windowTokenCount: window, contextLength: 128)
    }
  }

  @Test(arguments: [(1, nil), (0, nil), (1_000, 1)] as [(Int, Int?)])
  func refusesTextsThatAreTooShort(tokens: Int, limit: Int?) {
    #expect(throws: ScoringError.tooFewTokens(min(tokens, limit ?? tokens))) {
      try WindowPlan(tokenCount: tokens, windowTokenCount: 16, contextLength: 128, tokenCountLimit: limit)
    }
    #expect(ScoringError.tooFewTokens(1).diagnosis.status == .malformedInput)
  }
}
