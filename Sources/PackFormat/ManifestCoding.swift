import CPackManifest
import Encodings
import Glibc
import TensorCore

/// The manifest as a Protocol Buffers message (docs/format.md §3.1), by protobuf-c.
///
/// Messages nest three deep and not recursively, so the decoder's recursion is bounded. What it allocates is bounded by
/// `AllocationBudget`. It checks neither UTF-8 nor canonical form; that happens here.
enum ManifestCoding {
  /// The one encoding of `manifest` with `placements`, one per parameter.
  static func encode(_ manifest: PackManifest, _ placements: [ParameterPlacement]) -> [UInt8] {
    precondition(manifest.parameters.count == placements.count)
    let message = unsafe MessageBuilder.manifest(manifest, placements)
    defer { unsafe swage__pack__manifest__free_unpacked(message, nil) }
    let byteCount = unsafe swage__pack__manifest__get_packed_size(message)
    return unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { output, count in
      count = unsafe swage__pack__manifest__pack(message, output.baseAddress)
    }
  }

  /// Decodes a manifest and checks every rule that needs no section table.
  static func decode(_ bytes: [UInt8]) throws(PackFormatError) -> (PackManifest, [ParameterPlacement]) {
    let decoded = try unpack(bytes.span)
    try ManifestRules.check(decoded.manifest)
    guard encode(decoded.manifest, decoded.placements) == bytes else { throw .manifestNotCanonical }
    return (decoded.manifest, decoded.placements)
  }

  private static func unpack(_ bytes: Span<UInt8>) throws(PackFormatError) -> MessageReader {
    var budget = AllocationBudget(manifestByteCount: bytes.count)
    let limit = budget.remaining
    let result = unsafe withUnsafeMutablePointer(to: &budget) { budget -> Result<MessageReader, PackFormatError> in
      var allocator = unsafe ProtobufCAllocator(
        alloc: { unsafe AllocationBudget.allocate($0, $1) }, free: { unsafe Glibc.free($1) }, allocator_data: budget)
      return unsafe withUnsafeMutablePointer(to: &allocator) { allocator in
        let message = unsafe bytes.withUnsafeBufferPointer { input in
          unsafe swage__pack__manifest__unpack(allocator, input.count, input.baseAddress)
        }
        guard let message = unsafe message else {
          return .failure(unsafe budget.pointee.isExceeded ? .manifestTooLarge(limit: limit) : .manifestMalformed)
        }
        defer { unsafe swage__pack__manifest__free_unpacked(message, allocator) }
        do throws(PackFormatError) {
          return .success(try unsafe MessageReader(message.pointee))
        } catch {
          return .failure(error)
        }
      }
    }
    return try result.get()
  }
}

/// How much memory decoding one manifest may still take.
private struct AllocationBudget {
  private(set) var remaining: Int
  private(set) var isExceeded = false

  /// docs/format.md §6.
  init(manifestByteCount: Int) { remaining = 16 * manifestByteCount + 65_536 }

  static func allocate(_ data: UnsafeMutableRawPointer?, _ byteCount: Int) -> UnsafeMutableRawPointer? {
    guard let budget = unsafe data?.assumingMemoryBound(to: AllocationBudget.self) else { return nil }
    guard byteCount >= 0, unsafe byteCount <= budget.pointee.remaining else {
      unsafe budget.pointee.isExceeded = true
      return nil
    }
    unsafe budget.pointee.remaining -= byteCount
    return unsafe malloc(max(byteCount, 1))
  }
}

/// Builds messages whose every part is allocated with malloc, as protobuf-c's own decoder does, so that
/// `swage__pack__manifest__free_unpacked` gives all of it back.
private enum MessageBuilder {
  static func manifest(
    _ manifest: PackManifest, _ placements: [ParameterPlacement]
  ) -> UnsafeMutablePointer<Swage__Pack__Manifest> {
    let message = unsafe allocate(Swage__Pack__Manifest.self, 1)
    unsafe swage__pack__manifest__init(message)
    unsafe message.pointee.tool_version = text(manifest.toolVersion)
    unsafe message.pointee.architecture = text(manifest.architecture)
    unsafe message.pointee.vocabulary_count = UInt32(manifest.vocabularyCount)
    unsafe message.pointee.context_length = UInt32(manifest.contextLength)
    if let id = manifest.beginningID {
      unsafe message.pointee.has_beginning_id = 1
      unsafe message.pointee.beginning_id = UInt32(id)
    }
    unsafe message.pointee.n_end_ids = manifest.endIDs.count
    unsafe message.pointee.end_ids = array(manifest.endIDs) { UInt32($0) }
    unsafe message.pointee.generation = generation(manifest.generation)
    unsafe message.pointee.pass_list = text(manifest.passList)
    unsafe message.pointee.n_parameters = manifest.parameters.count
    unsafe message.pointee.parameters = array(zip(manifest.parameters, placements).map { $0 }) {
      unsafe parameter($0.0, $0.1)
    }
    unsafe message.pointee.n_sources = manifest.sources.count
    unsafe message.pointee.sources = array(manifest.sources) { unsafe source($0) }
    unsafe message.pointee.n_tasks = manifest.tasks.count
    unsafe message.pointee.tasks = array(manifest.tasks) { unsafe task($0) }
    return unsafe message
  }

  private static func generation(
    _ defaults: GenerationDefaults
  ) -> UnsafeMutablePointer<Swage__Pack__GenerationDefaults> {
    let message = unsafe allocate(Swage__Pack__GenerationDefaults.self, 1)
    unsafe swage__pack__generation_defaults__init(message)
    unsafe message.pointee.has_temperature = defaults.temperature == nil ? 0 : 1
    unsafe message.pointee.temperature = defaults.temperature ?? 0
    unsafe message.pointee.has_top_k = defaults.topK == nil ? 0 : 1
    unsafe message.pointee.top_k = UInt32(defaults.topK ?? 0)
    unsafe message.pointee.has_top_p = defaults.topP == nil ? 0 : 1
    unsafe message.pointee.top_p = defaults.topP ?? 0
    unsafe message.pointee.has_min_p = defaults.minP == nil ? 0 : 1
    unsafe message.pointee.min_p = defaults.minP ?? 0
    unsafe message.pointee.has_repetition_penalty = defaults.repetitionPenalty == nil ? 0 : 1
    unsafe message.pointee.repetition_penalty = defaults.repetitionPenalty ?? 0
    unsafe message.pointee.has_samples = defaults.samples == nil ? 0 : 1
    unsafe message.pointee.samples = defaults.samples == true ? 1 : 0
    return unsafe message
  }

  private static func parameter(
    _ parameter: PackParameter, _ placement: ParameterPlacement
  ) -> UnsafeMutablePointer<Swage__Pack__Parameter>? {
    let message = unsafe allocate(Swage__Pack__Parameter.self, 1)
    unsafe swage__pack__parameter__init(message)
    unsafe message.pointee.name = text(parameter.name)
    unsafe message.pointee.role = text(parameter.role)
    unsafe message.pointee.n_dimensions = parameter.dimensions.count
    unsafe message.pointee.dimensions = array(parameter.dimensions) { UInt64($0) }
    unsafe message.pointee.encoding = text(parameter.encoding.text)
    unsafe message.pointee.section = UInt32(placement.section)
    unsafe message.pointee.offset = UInt64(placement.offset)
    unsafe message.pointee.byte_count = UInt64(placement.byteCount)
    unsafe message.pointee.original_type = text(parameter.originalType.rawValue)
    return unsafe message
  }

  private static func source(_ source: PackSource) -> UnsafeMutablePointer<Swage__Pack__SourceFile>? {
    let message = unsafe allocate(Swage__Pack__SourceFile.self, 1)
    unsafe swage__pack__source_file__init(message)
    unsafe message.pointee.name = text(source.name)
    unsafe message.pointee.byte_count = UInt64(source.byteCount)
    return unsafe message
  }

  private static func task(_ task: PackTask) -> UnsafeMutablePointer<Swage__Pack__Task>? {
    let message = unsafe allocate(Swage__Pack__Task.self, 1)
    unsafe swage__pack__task__init(message)
    unsafe message.pointee.name = text(task.name)
    unsafe message.pointee.n_mixtures = task.experts.count
    unsafe message.pointee.mixtures = array(task.experts) { unsafe expertSet($0) }
    unsafe message.pointee.n_signature = task.signature.count
    unsafe message.pointee.signature = array(task.signature) { $0 }
    return unsafe message
  }

  private static func expertSet(_ experts: [Int]) -> UnsafeMutablePointer<Swage__Pack__ExpertSet>? {
    let message = unsafe allocate(Swage__Pack__ExpertSet.self, 1)
    unsafe swage__pack__expert_set__init(message)
    unsafe message.pointee.n_experts = experts.count
    unsafe message.pointee.experts = array(experts) { UInt32($0) }
    return unsafe message
  }

  private static func text(_ text: String) -> UnsafeMutablePointer<CChar> {
    let bytes = text.utf8
    let copy = unsafe allocate(CChar.self, bytes.count + 1)
    for (index, byte) in bytes.enumerated() { unsafe copy[index] = CChar(bitPattern: byte) }
    unsafe copy[bytes.count] = 0
    return unsafe copy
  }

  /// Nil for no elements, as the decoder leaves it.
  private static func array<Element, Item>(
    _ elements: [Element], _ item: (Element) -> Item
  ) -> UnsafeMutablePointer<Item>? {
    guard !elements.isEmpty else { return nil }
    let items = unsafe allocate(Item.self, elements.count)
    for (index, element) in elements.enumerated() { unsafe (items + index).initialize(to: item(element)) }
    return unsafe items
  }

  private static func allocate<Item>(_ type: Item.Type, _ count: Int) -> UnsafeMutablePointer<Item> {
    guard let memory = unsafe malloc(count * MemoryLayout<Item>.stride) else {
      preconditionFailure("no memory for a manifest")
    }
    return unsafe memory.bindMemory(to: type, capacity: count)
  }
}

/// Copies a decoded message into Swift values.
private struct MessageReader {
  let manifest: PackManifest
  let placements: [ParameterPlacement]

  init(_ message: Swage__Pack__Manifest) throws(PackFormatError) {
    guard unsafe message.base.n_unknown_fields == 0 else { throw .manifestUnknownField }
    guard let generation = unsafe message.generation else { throw .manifestMalformed }
    var parameters: [PackParameter] = []
    var placements: [ParameterPlacement] = []
    for index in 0..<(unsafe message.n_parameters) {
      guard let parameter = unsafe message.parameters[index] else { throw .manifestMalformed }
      let (value, placement) = try unsafe Self.parameter(parameter.pointee)
      parameters.append(value)
      placements.append(placement)
    }
    var sources: [PackSource] = []
    for index in 0..<(unsafe message.n_sources) {
      guard let source = unsafe message.sources[index] else { throw .manifestMalformed }
      sources.append(try unsafe Self.source(source.pointee))
    }
    var tasks: [PackTask] = []
    for index in 0..<(unsafe message.n_tasks) {
      guard let task = unsafe message.tasks[index] else { throw .manifestMalformed }
      tasks.append(try unsafe Self.task(task.pointee))
    }
    manifest = PackManifest(
      toolVersion: try unsafe Self.text(message.tool_version, "tool_version"),
      architecture: try unsafe Self.text(message.architecture, "architecture"),
      vocabularyCount: unsafe Int(message.vocabulary_count), contextLength: unsafe Int(message.context_length),
      beginningID: unsafe message.has_beginning_id != 0 ? Int(message.beginning_id) : nil,
      endIDs: unsafe UnsafeBufferPointer(start: message.end_ids, count: message.n_end_ids).map { Int($0) },
      generation: try unsafe Self.generation(generation.pointee),
      passList: try unsafe Self.text(message.pass_list, "pass_list"),
      parameters: parameters, sources: sources, tasks: tasks)
    self.placements = placements
  }

  private static func generation(
    _ message: Swage__Pack__GenerationDefaults
  ) throws(PackFormatError) -> GenerationDefaults {
    guard unsafe message.base.n_unknown_fields == 0 else { throw .manifestUnknownField }
    return unsafe GenerationDefaults(
      temperature: message.has_temperature != 0 ? message.temperature : nil,
      topK: message.has_top_k != 0 ? Int(message.top_k) : nil,
      topP: message.has_top_p != 0 ? message.top_p : nil,
      minP: message.has_min_p != 0 ? message.min_p : nil,
      repetitionPenalty: message.has_repetition_penalty != 0 ? message.repetition_penalty : nil,
      samples: message.has_samples != 0 ? message.samples != 0 : nil)
  }

  private static func parameter(
    _ message: Swage__Pack__Parameter
  ) throws(PackFormatError) -> (PackParameter, ParameterPlacement) {
    guard unsafe message.base.n_unknown_fields == 0 else { throw .manifestUnknownField }
    let name = try unsafe text(message.name, "parameters.name")
    var dimensions: [Int] = []
    for index in 0..<(unsafe message.n_dimensions) {
      dimensions.append(try number(unsafe message.dimensions[index], "parameters.dimensions"))
    }
    let encodingText = try unsafe text(message.encoding, "parameters.encoding")
    guard let encoding = try? Encoding(parsing: encodingText) else {
      throw .parameterEncoding(name, found: encodingText)
    }
    let typeText = try unsafe text(message.original_type, "parameters.original_type")
    guard let originalType = ElementType(rawValue: typeText) else {
      throw .manifestValue(field: "parameters.original_type", found: typeText, allowed: "f32, f16 or bf16")
    }
    return (
      PackParameter(
        name: name, role: try unsafe text(message.role, "parameters.role"), dimensions: dimensions,
        encoding: encoding, originalType: originalType),
      ParameterPlacement(
        section: unsafe Int(message.section), offset: try number(unsafe message.offset, "parameters.offset"),
        byteCount: try number(unsafe message.byte_count, "parameters.byte_count"))
    )
  }

  private static func source(_ message: Swage__Pack__SourceFile) throws(PackFormatError) -> PackSource {
    guard unsafe message.base.n_unknown_fields == 0 else { throw .manifestUnknownField }
    return PackSource(
      name: try unsafe text(message.name, "sources.name"),
      byteCount: try number(unsafe message.byte_count, "sources.byte_count"))
  }

  private static func task(_ message: Swage__Pack__Task) throws(PackFormatError) -> PackTask {
    guard unsafe message.base.n_unknown_fields == 0 else { throw .manifestUnknownField }
    var experts: [[Int]] = []
    for index in 0..<(unsafe message.n_mixtures) {
      guard let set = unsafe message.mixtures[index] else { throw .manifestMalformed }
      guard unsafe set.pointee.base.n_unknown_fields == 0 else { throw .manifestUnknownField }
      experts.append(
        unsafe UnsafeBufferPointer(start: set.pointee.experts, count: set.pointee.n_experts).map { Int($0) })
    }
    return PackTask(
      name: try unsafe text(message.name, "tasks.name"), experts: experts,
      signature: unsafe Array(UnsafeBufferPointer(start: message.signature, count: message.n_signature)))
  }

  private static func number(_ value: UInt64, _ field: String) throws(PackFormatError) -> Int {
    guard let number = Int(exactly: value) else {
      throw .manifestValue(field: field, found: "\(value)", allowed: "less than 2^63")
    }
    return number
  }

  private static func text(_ text: UnsafeMutablePointer<CChar>?, _ field: String) throws(PackFormatError) -> String {
    guard let text = unsafe text, let string = unsafe String(validatingCString: text) else {
      throw .manifestValue(field: field, found: "bytes that are not UTF-8", allowed: "UTF-8")
    }
    return string
  }
}
