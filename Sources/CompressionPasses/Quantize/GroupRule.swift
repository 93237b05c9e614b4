import PassKit

/// Groups must divide rows.
struct GroupRule {
  let group: Int
  /// A group is a multiple of this.
  var unit = 1

  /// - Throws: `PassError.groupDoesNotDivide`, with the largest group that would.
  func check(_ rows: [PassError.RowLength]) throws(PassError) {
    let offending = rows.filter { $0.elementCount % group != 0 }
    guard !offending.isEmpty else { return }
    let common = rows.reduce(0) { Self.greatestCommonDivisor($0, $1.elementCount) }
    let multiple = (1...max(1, min(group, common) / unit)).last { common % ($0 * unit) == 0 } ?? 1
    throw .groupDoesNotDivide(group: group, rows: offending, largestDivisor: multiple * unit)
  }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}
