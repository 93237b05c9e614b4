import DecodeKernels
import Diagnostics
import Execution
import ModelGraph
import PackFormat

/// The tasks of a pack, agreeing with its graph.
struct PackTasks {
  let tasks: [PackTask]
  private let graph: ModelGraph
  private let path: String

  /// - Parameter graph: with all experts of the pack.
  /// - Throws: `PackModelError.taskDiffers`.
  init(of reader: PackReader, graph: ModelGraph) throws(PackModelError) {
    tasks = reader.manifest.tasks
    path = reader.path
    self.graph = graph
    let signatureCount = graph.mixtures.first?.mixture.expertCount
    for task in tasks {
      if let fault = graph.fault(inKeeping: task.experts) {
        throw .taskDiffers(task: task.name, why: fault.words, path: path)
      }
      guard task.signature.count == signatureCount else {
        throw .taskDiffers(
          task: task.name,
          why: "its signature has \(task.signature.count) figures for \(signatureCount ?? 0) experts", path: path)
      }
    }
  }

  /// The task to use, and why; nil for all experts.
  /// - Parameter routing: the mean probabilities of the first mixture's experts over a prompt.
  /// - Throws: `PackModelError.noTasks`, `.unknownTask`, and what `routing` throws.
  func choose(
    _ selection: TaskSelection, routing: (Prompt) throws -> [Double]
  ) throws -> (task: PackTask, choice: TaskChoice)? {
    guard selection != .all else { return nil }
    guard let first = tasks.first else { throw PackModelError.noTasks(path: path) }
    switch selection {
    case .all: return nil
    case .named(let name):
      guard let task = tasks.first(where: { $0.name == name }) else {
        let names = tasks.map(\.name)
        throw PackModelError.unknownTask(
          name, nearest: Suggestion.nearest(to: name, in: names), known: names, path: path)
      }
      return (task, TaskChoice(name: name, distances: []))
    case .nearest(let prompt):
      let means = try routing(prompt)
      let distances = tasks.map { task in
        let square = zip(means, task.signature).reduce(0) { $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1)) }
        return TaskChoice.Distance(task: task.name, value: square.squareRoot())
      }
      let nearest = distances.indices.min { distances[$0].value < distances[$1].value }.map { tasks[$0] } ?? first
      return (nearest, TaskChoice(name: nearest.name, distances: distances))
    }
  }

  /// What the pack's model is for one task: its mixtures have the task's experts only.
  func graph(for task: PackTask) -> ModelGraph { graph.keepingExperts(task.experts) }

  /// The rows of routers that a task uses, by parameter; mixtures that share one have the same.
  func routerRows(for task: PackTask) -> [String: [Int]] {
    Dictionary(zip(graph.mixtures.map(\.mixture.router), task.experts)) { first, _ in first }
  }
}

extension ExpertChoiceFault {
  fileprivate var words: String {
    switch self {
    case .mixtureCount(let expected, let found): "it names the experts of \(found) mixtures, the graph has \(expected)"
    case .notExperts(let router, let expertCount):
      "it names experts of \(router) that are none of the \(expertCount) there are"
    case .tooFew(let router, let activeCount, let found):
      "it has \(found) experts of \(router), which chooses \(activeCount) for a token"
    case .differentRows(let router): "it has different experts for mixtures that share \(router)"
    }
  }
}
