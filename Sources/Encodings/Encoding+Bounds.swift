extension Encoding {
  /// Whether a value in this encoding is what a plan that says `bound` promises: the same, or for ternary weights, whose
  /// size follows from their symbols, the same levels in as many bytes or fewer.
  public func isWithin(_ bound: Encoding) -> Bool {
    guard case .ternary(let ternary) = self, case .ternary(let limit) = bound else { return self == bound }
    return ternary.levels == limit.levels && ternary.streamByteCount <= limit.streamByteCount
  }
}
