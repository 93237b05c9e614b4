/// Ascending numbers as text: `0..3,5,9..11`.
enum NumberRuns {
  static func text(_ numbers: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = runs.last, last.upperBound + 1 == number {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)..\($0.upperBound)" }.joined(separator: ",")
  }

  /// Nil unless `text` is what ``text(_:)`` makes of ascending numbers below ``GraphLimits/expertCount``.
  static func numbers(in text: String) -> [Int]? {
    var numbers: [Int] = []
    for run in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = run.split(separator: ".", omittingEmptySubsequences: false)
      guard let first = Int(ends[0]), let last = Int(ends[ends.count - 1]), first >= 0, first <= last,
        last < GraphLimits.expertCount, numbers.last.map({ $0 < first }) ?? true
      else { return nil }
      numbers += first...last
    }
    return self.text(numbers) == text ? numbers : nil
  }
}
