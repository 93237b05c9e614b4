/// How much memory the experts of a pack may take at once.
public enum ExpertMemoryLimit: Sendable, Hashable {
  case bytes(Int)
  /// A share of what all experts take.
  case share(Double)

  func byteCount(of total: Int) -> Int {
    switch self {
    case .bytes(let count): count
    case .share(let share): share >= 1 ? total : Int(share * Double(total))
    }
  }
}
