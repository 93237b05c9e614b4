import ModelIR

/// A question about a model whose answer is worth keeping: a value that says what is asked, such as which parameter.
public protocol Analysis<Result>: Hashable, Sendable {
  associatedtype Result: Sendable

  /// Computes the answer; it may ask for other analyses.
  func compute(on model: Model, using analyses: AnalysisCache) throws -> Result
}

/// Which analyses still hold after a pass has run. Those a pass does not claim are dropped.
public enum PreservedAnalyses {
  case none
  case all
  case only([any Analysis.Type])

  func keeps(_ type: any Analysis.Type) -> Bool {
    switch self {
    case .none: false
    case .all: true
    case .only(let types): types.contains { $0 == type }
    }
  }
}

/// The answers that hold for the model as it is now.
public final class AnalysisCache {
  private struct Entry {
    let type: any Analysis.Type
    let result: any Sendable
  }

  private var entries: [AnyHashable: Entry] = [:]

  init() {}

  /// The answer to `question`, computed when it is asked the first time.
  public func result<A: Analysis>(of question: A, on model: Model) throws -> A.Result {
    if let known = entries[AnyHashable(question)]?.result as? A.Result { return known }
    let result = try question.compute(on: model, using: self)
    entries[AnyHashable(question)] = Entry(type: A.self, result: result)
    return result
  }

  func drop(except preserved: PreservedAnalyses) {
    entries = entries.filter { preserved.keeps($0.value.type) }
  }
}
