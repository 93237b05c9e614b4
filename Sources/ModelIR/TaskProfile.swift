/// The experts that a task uses, out of those that a model has (PreMoe, arXiv 2505.17639).
public struct TaskProfile: Sendable, Hashable {
  /// Profiles of a model at most, as docs/format.md has it.
  public static let mostCount = 64

  /// Distinct among the profiles of a model.
  public let name: String
  /// For each mixture of the graph, the indices of the experts, ascending, as many as are active at least.
  public let experts: [[Int]]
  /// By which a text is told to be of this task: for each expert of the first mixture the mean of the router's
  /// probability over the task's tokens. The sum is 1.
  public let signature: [Float]

  public init(name: String, experts: [[Int]], signature: [Float]) {
    self.name = name
    self.experts = experts
    self.signature = signature
  }
}
