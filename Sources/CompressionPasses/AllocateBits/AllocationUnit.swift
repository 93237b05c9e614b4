import Encodings
import ModelGraph
import PassKit
import TensorCore

/// What is given one encoding: a matrix, in a mixture the same matrix of all experts of a layer, or one expert.
struct AllocationUnit: Sendable, Equatable {
  let name: String
  let parameters: [ParameterDeclaration]
  /// Number of the first block that uses it.
  let block: Int
  /// What it may become, from the most bytes to the fewest; never empty.
  let options: [Option]

  struct Option: Sendable, Equatable {
    let candidate: EncodingCandidate
    /// By parameter of the unit; none where the unit goes.
    let encodings: [Encoding]
    /// Of all parameters of the unit, at most.
    let byteCount: Int

    var isPruned: Bool { encodings.isEmpty }
  }

  /// Options that leave the unit in the model; they come first.
  var keptOptionCount: Int { options.count - (options.last?.isPruned == true ? 1 : 0) }
}

/// The number of an option for each unit.
typealias Assignment = [Int]

extension AllocationUnit {
  /// The units that `parameters` make, in the order of their first ones, with those candidates that can hold them.
  /// - Parameter byExpert: whether the matrices of an expert are a unit, rather than the same matrix of all experts.
  /// - Throws: `PassError.noCandidateFits`.
  static func units(
    of parameters: [ParameterDeclaration], in graph: ModelGraph, candidates: [EncodingCandidate], group: Int,
    byExpert: Bool = false
  ) throws(PassError) -> [AllocationUnit] {
    var names: [String] = []
    var members: [String: [ParameterDeclaration]] = [:]
    for parameter in parameters {
      let name = name(ofUnitWith: parameter, byExpert: byExpert)
      if members[name] == nil { names.append(name) }
      members[name, default: []].append(parameter)
    }
    var blocks: [String: Int] = [:]
    for (index, entry) in graph.parametersByBlock().enumerated() {
      for parameter in entry.parameters { blocks[parameter.name] = index }
    }
    var units: [AllocationUnit] = []
    for name in names {
      let parameters = members[name] ?? []
      let options = options(of: parameters, candidates: candidates, group: group)
      guard options.contains(where: { !$0.isPruned }) else {
        throw .noCandidateFits(
          parameter: parameters[0].name,
          rowElementCount: MatrixShape(dimensions: parameters[0].dimensions).inputCount,
          candidates: candidates.map(\.text))
      }
      units.append(
        AllocationUnit(
          name: name, parameters: parameters, block: parameters.compactMap { blocks[$0.name] }.min() ?? 0,
          options: options))
    }
    return units
  }

  /// `layers.3.mlp.experts.*.up` for `layers.3.mlp.experts.5.up`, or `layers.3.mlp.experts.5`; the parameter's own name
  /// where it is not an expert's.
  private static func name(ofUnitWith parameter: ParameterDeclaration, byExpert: Bool) -> String {
    var words = parameter.name.split(separator: ".")
    guard parameter.role == .expert, let number = words.lastIndex(where: { $0.allSatisfy(\.isNumber) }) else {
      return parameter.name
    }
    if byExpert { return words[...number].joined(separator: ".") }
    words[number] = "*"
    return words.joined(separator: ".")
  }

  private static func options(
    of parameters: [ParameterDeclaration], candidates: [EncodingCandidate], group: Int
  ) -> [Option] {
    let shapes = parameters.map { MatrixShape(dimensions: $0.dimensions) }
    var options: [Option] = []
    for candidate in candidates {
      guard let encodings = candidate.encodings(group: group, of: shapes),
        !options.contains(where: { $0.encodings == encodings })
      else { continue }
      let byteCount = zip(encodings, shapes).reduce(0) { $0 + $1.0.byteCount(of: $1.1) }
      let place = options.firstIndex { $0.byteCount < byteCount } ?? options.endIndex
      options.insert(Option(candidate: candidate, encodings: encodings, byteCount: byteCount), at: place)
    }
    return options
  }
}

extension EncodingCandidate {
  /// The encodings meant, nil where one of them cannot be made.
  fileprivate func encodings(group: Int, of shapes: [MatrixShape]) -> [Encoding]? {
    if values == .nothing { return [] }
    var encodings: [Encoding] = []
    for shape in shapes {
      guard let encoding = encoding(group: group, of: shape), LeafEncoder.canMake(encoding, of: shape) else {
        return nil
      }
      encodings.append(encoding)
    }
    return encodings
  }
}

extension [AllocationUnit] {
  /// The configurations in which all units get the same candidate and none goes, from the most bytes to the fewest. A
  /// unit that cannot have it takes the next one up that it can, or its largest.
  func uniformAssignments(of candidates: [EncodingCandidate]) -> [Assignment] {
    let ordered = ordered(candidates.filter { $0.values != .nothing })
    let assignments = ordered.indices.map { level in
      map { unit in
        unit.options.lastIndex { ordered[...level].contains($0.candidate) } ?? 0
      }
    }
    return assignments.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
  }

  /// The candidates from the most bits a weight to the fewest, each over the units that can have it.
  private func ordered(_ candidates: [EncodingCandidate]) -> [EncodingCandidate] {
    let sized = candidates.enumerated().compactMap { index, candidate -> (index: Int, bits: Double)? in
      var byteCount = 0, elementCount = 0
      for unit in self {
        guard let option = unit.options.first(where: { $0.candidate == candidate }) else { continue }
        byteCount += option.byteCount
        elementCount += unit.parameters.reduce(0) { $0 + $1.dimensions.reduce(1, *) }
      }
      return elementCount == 0 ? nil : (index, Double(byteCount) / Double(elementCount))
    }
    return sized.sorted { $0.bits != $1.bits ? $0.bits > $1.bits : $0.index < $1.index }.map { candidates[$0.index] }
  }

  /// Whole bytes that the units have at so many bits per weight.
  func byteCount(forBitsPerWeight bits: Double) -> Int {
    let elementCount = flatMap(\.parameters).reduce(0) { $0 + $1.dimensions.reduce(1, *) }
    return Int(bits * Double(elementCount) / 8)
  }

  /// Bytes of the units in the encodings assigned.
  func byteCount(of assignment: Assignment) -> Int {
    zip(self, assignment).reduce(0) { $0 + $1.0.options[$1.1].byteCount }
  }
}
