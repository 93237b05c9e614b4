import Diagnostics

/// Which experts of a pack are used.
public enum TaskSelection: Sendable, Equatable {
  /// All that the pack holds.
  case all
  /// Those of the task with this name.
  case named(String)
  /// Those of the task whose text was routed most like this one.
  case nearest(to: Prompt)
}

/// What a model is asked to continue.
public enum Prompt: Sendable, Equatable {
  /// Becomes ids with the tokens around it that the model expects.
  case text(String)
  case ids([Int])
}

/// The task that a model was bound for.
public struct TaskChoice: Sendable, Equatable {
  public let name: String
  /// How far each task of the pack, in its order, is from the prompt: the Euclidean distance of mean router
  /// probabilities. Empty where the task was named.
  public let distances: [Distance]

  public struct Distance: Sendable, Equatable {
    public let task: String
    public let value: Double
  }

  /// Which task was taken, and how near to the prompt all are; nil where the task was named.
  public var note: String? {
    guard !distances.isEmpty else { return nil }
    let list = distances.map { "\($0.task) \(NumberText.significant($0.value))" }.joined(separator: ", ")
    return "task \(name): distances of the prompt's routing are \(list)"
  }
}
