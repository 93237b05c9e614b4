import DecodeKernels
import Execution
import ModelGraph
import PackFormat
import TensorCore

/// The experts of a pack, to be read one at a time.
struct PackExperts: Sendable {
  let mixtures: [Mixture]

  private let reader: PackReader
  private let context: KernelContext
  /// Of each expert of each mixture.
  private let sections: [[[Int]]]
  /// Whether a section holds matrices of experts and nothing else.
  private let isExperts: [Bool]

  /// - Throws: `PackModelError.noExperts`; `.parameterMissing` where the pack lacks one.
  init(of graph: ModelGraph, reader: PackReader, context: KernelContext) throws {
    self.reader = reader
    self.context = context
    mixtures = graph.mixtures.map(\.mixture)
    guard !mixtures.isEmpty else { throw PackModelError.noExperts(path: reader.path) }
    let operators = PackOperators(reader: reader, context: context)
    var names: Set<String> = []
    sections = try mixtures.map { mixture in
      try (0..<mixture.expertCount).map { expert in
        let matrices = mixture.inputMatrices(expert) + [mixture.down(expert)]
        names.formUnion(matrices)
        return Array(Set(try matrices.map { try operators.parameter($0).placement.section })).sorted()
      }
    }
    var isExperts = [Bool](repeating: false, count: reader.sections.count)
    for section in sections.joined().joined() { isExperts[section] = true }
    for item in reader.parameters where !names.contains(item.parameter.name) {
      isExperts[item.placement.section] = false
    }
    self.isExperts = isExperts
  }

  /// The memory that each expert of each mixture takes.
  var byteCounts: [[Int]] {
    sections.map { $0.map { $0.reduce(0) { $0 + reader.memoryByteCount(ofSection: $1) } } }
  }

  /// Whether a section is only read with an expert, and checked then.
  func owns(section: Int) -> Bool { isExperts[section] }

  /// Reads and checks an expert, and binds it to kernels.
  /// - Throws: `PackFileError`, `KernelError`.
  func load(_ id: ExpertID) throws -> GatedOperators {
    let loaded = LoadedExpert(
      operators: PackOperators(reader: reader, context: context),
      sections: try sections[id.mixture][id.expert].map { try reader.load(section: $0) })
    return try GatedOperators(expert: id.expert, of: mixtures[id.mixture], from: loaded)
  }
}

/// The parameters of an expert in the sections that were read for it.
private struct LoadedExpert: OperatorSource {
  let operators: PackOperators
  let sections: [LoadedSection]

  func linear(_ name: String) throws -> any LinearOperator {
    let placed = try operators.parameter(name)
    guard let section = sections.first(where: { $0.index == placed.placement.section }) else {
      preconditionFailure("\(name) is no matrix of the expert")
    }
    return try operators.bind(placed, to: section.bytes(of: placed))
  }

  func vector(_ name: String) throws -> [Float] { try operators.vector(name) }
}

extension PackExperts {
  /// The experts within `limit`.
  /// - Throws: `PackModelError.expertMemoryTooSmall`.
  func residency(limit: ExpertMemoryLimit) throws -> ExpertResidency {
    let byteCounts = byteCounts, activeCounts = mixtures.map(\.activeCount)
    let limit = limit.byteCount(of: byteCounts.joined().reduce(0, +))
    let minimum = ResidencyPolicy.minimum(byteCounts: byteCounts, activeCounts: activeCounts)
    guard limit >= minimum else {
      throw PackModelError.expertMemoryTooSmall(limit: limit, minimum: minimum, path: reader.path)
    }
    return ExpertResidency(byteCounts: byteCounts, activeCounts: activeCounts, limit: limit) { try load($0) }
  }
}
