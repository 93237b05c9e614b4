import Encodings
import TensorCore

/// The valid ranges of docs/format.md §3.1, the same for a manifest to be written and one that was read.
enum ManifestRules {
  static let parameterCountRange = 1...1_048_576
  static let sourceCountLimit = 65_536
  static let taskCountLimit = 64
  static let largestElementCount = 1 << 36
  private static let largestNumber = Int(Int32.max)

  static func check(_ manifest: PackManifest) throws(PackFormatError) {
    try checkLabel(manifest.toolVersion, field: "tool_version")
    try checkLabel(manifest.architecture, field: "architecture")
    try checkNumber(manifest.vocabularyCount, in: 1...largestNumber, field: "vocabulary_count")
    try checkNumber(manifest.contextLength, in: 1...largestNumber, field: "context_length")
    let ids = 0...manifest.vocabularyCount - 1
    if let beginning = manifest.beginningID { try checkNumber(beginning, in: ids, field: "beginning_id") }
    var seen = Set<Int>()
    for id in manifest.endIDs {
      try checkNumber(id, in: ids, field: "end_ids")
      guard seen.insert(id).inserted else {
        throw .manifestValue(field: "end_ids", found: "\(id) twice", allowed: "distinct ids")
      }
    }
    guard !manifest.passList.utf8.contains(0) else {
      throw .manifestValue(field: "pass_list", found: "a zero byte", allowed: "text")
    }
    try check(manifest.generation)
    try checkNumber(manifest.parameters.count, in: parameterCountRange, field: "parameters")
    try checkNumber(manifest.sources.count, in: 0...sourceCountLimit, field: "sources")
    try check(manifest.parameters)
    try check(manifest.sources)
    try checkNumber(manifest.tasks.count, in: 0...taskCountLimit, field: "tasks")
    try check(manifest.tasks)
  }

  private static func check(_ generation: GenerationDefaults) throws(PackFormatError) {
    let unbounded = Double.greatestFiniteMagnitude
    try checkFigure(generation.temperature, in: 0...unbounded, field: "temperature")
    if let topK = generation.topK { try checkNumber(topK, in: 1...Int(UInt32.max), field: "top_k") }
    try checkFigure(generation.topP, in: 0...1, field: "top_p")
    try checkFigure(generation.minP, in: 0...1, field: "min_p")
    try checkFigure(
      generation.repetitionPenalty, in: Double.leastNonzeroMagnitude...unbounded, field: "repetition_penalty")
  }

  private static func check(_ parameters: [PackParameter]) throws(PackFormatError) {
    var names = Set<String>(minimumCapacity: parameters.count)
    for parameter in parameters {
      guard (1...1_024).contains(parameter.name.utf8.count),
        parameter.name.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
      else {
        throw .manifestValue(
          field: "parameters.name", found: parameter.name, allowed: "1 to 1024 printable ASCII characters, no space")
      }
      guard names.insert(parameter.name).inserted else { throw .parameterDuplicate(parameter.name) }
      guard (1...32).contains(parameter.role.utf8.count),
        parameter.role.utf8.allSatisfy({ (0x61...0x7A).contains($0) || $0 == 0x5F })
      else {
        throw .manifestValue(
          field: "parameters.role", found: parameter.role, allowed: "1 to 32 lower-case letters and underscores")
      }
      guard areValid(parameter.dimensions), parameter.encoding.accepts(parameter.shape) else {
        throw .parameterShape(
          parameter.name, dimensions: parameter.dimensions, encoding: parameter.encoding.text)
      }
    }
  }

  /// One to eight dimensions of at least one, with a product small enough that no byte count overflows.
  private static func areValid(_ dimensions: [Int]) -> Bool {
    guard (1...8).contains(dimensions.count) else { return false }
    var product = 1
    for dimension in dimensions {
      guard dimension >= 1, dimension <= largestElementCount / product else { return false }
      product *= dimension
    }
    return true
  }

  private static func check(_ sources: [PackSource]) throws(PackFormatError) {
    var names = Set<String>(minimumCapacity: sources.count)
    for source in sources {
      try checkLabel(source.name, field: "sources.name")
      guard !source.name.utf8.contains(UInt8(ascii: "/")) else {
        throw .manifestValue(field: "sources.name", found: source.name, allowed: "a name without a folder")
      }
      guard names.insert(source.name).inserted else { throw .sourceDuplicate(source.name) }
      try checkNumber(source.byteCount, in: 0...Int.max, field: "sources.byte_count")
    }
  }

  /// Which experts a task may name depends on the graph, and is checked by whoever binds the two.
  private static func check(_ tasks: [PackTask]) throws(PackFormatError) {
    var names = Set<String>(minimumCapacity: tasks.count)
    for task in tasks {
      try checkLabel(task.name, field: "tasks.name")
      guard names.insert(task.name).inserted else { throw .taskDuplicate(task.name) }
      guard !task.experts.isEmpty else {
        throw .manifestValue(field: "tasks.mixtures", found: "none", allowed: "one for each mixture")
      }
      for experts in task.experts {
        guard !experts.isEmpty, zip(experts, experts.dropFirst()).allSatisfy(<), experts[0] >= 0,
          experts[experts.count - 1] <= largestNumber
        else {
          throw .manifestValue(
            field: "tasks.mixtures.experts", found: "\(experts.prefix(8))", allowed: "ascending indices of experts")
        }
      }
      guard !task.signature.isEmpty else {
        throw .manifestValue(field: "tasks.signature", found: "none", allowed: "one for each expert")
      }
      for figure in task.signature where !(0...1).contains(figure) {
        throw .manifestValue(field: "tasks.signature", found: "\(figure)", allowed: "0 to 1")
      }
    }
  }

  private static func checkLabel(_ text: String, field: String) throws(PackFormatError) {
    guard LabelRule.accepts(text) else {
      throw .manifestValue(field: field, found: text, allowed: LabelRule.description)
    }
  }

  private static func checkNumber(_ number: Int, in range: ClosedRange<Int>, field: String) throws(PackFormatError) {
    guard range.contains(number) else {
      throw .manifestValue(field: field, found: "\(number)", allowed: "\(range.lowerBound) to \(range.upperBound)")
    }
  }

  private static func checkFigure(
    _ figure: Double?, in range: ClosedRange<Double>, field: String
  ) throws(PackFormatError) {
    guard let figure, !range.contains(figure) else { return }
    throw .manifestValue(
      field: field, found: "\(figure)", allowed: "finite, \(range.lowerBound) to \(range.upperBound)")
  }
}

/// Short texts for people: names of tools, architectures and files.
enum LabelRule {
  static let description = "1 to 255 bytes without control characters"

  static func accepts(_ text: String) -> Bool {
    (1...255).contains(text.utf8.count) && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
  }
}
