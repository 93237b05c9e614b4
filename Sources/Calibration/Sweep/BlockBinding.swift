import DecodeKernels
import Execution
import ModelGraph
import ModelIR

extension Model {
  /// An executor for block `index` alone, with the values it has now: what the other blocks hold is not looked at.
  func executor(forBlock index: Int, context: KernelContext) throws -> Executor {
    try Executor(
      graph: graph, operators: ModelOperators(self, context: context), context: context, blocks: index..<index + 1)
  }

  /// Drops the resident pages of the values that block `index` reads.
  func releaseBlock(_ index: Int) {
    for name in graph.parameterNames(usedByBlock: index) {
      guard let storage = values[name]?.storage else { continue }
      storage.release(0..<storage.byteCount)
    }
  }

  /// Bytes of the values that block `index` reads.
  func byteCount(ofBlock index: Int) -> Int {
    graph.parameterNames(usedByBlock: index).reduce(0) { $0 + (values[$1]?.storage.byteCount ?? 0) }
  }
}

extension ModelGraph {
  /// The parameters that block `index` reads, a tied head's table included.
  func parameterNames(usedByBlock index: Int) -> [String] {
    guard let types = try? types() else { return [] }
    return blocks[index].statements.flatMap { statement in
      let operands = statement.operation.operands.compactMap { types[$0] }
      let uses = try? statement.operation.parameterUses(operandTypes: operands, vocabularyCount: vocabularyCount)
      return (uses ?? []).map(\.name)
    }
  }
}
