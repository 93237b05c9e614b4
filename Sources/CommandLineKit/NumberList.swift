import ArgumentParser

/// Numbers given one after the other, separated by commas.
public struct NumberList<Number: LosslessStringConvertible & Sendable>: ExpressibleByArgument, Sendable {
  /// At least one.
  public let numbers: [Number]

  public init?(argument: String) {
    let texts = argument.split(separator: ",", omittingEmptySubsequences: false)
    numbers = texts.compactMap { Number(String($0)) }
    guard numbers.count == texts.count else { return nil }
  }
}
