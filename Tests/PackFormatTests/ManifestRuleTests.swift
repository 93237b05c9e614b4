import Encodings
import TensorCore
import Testing

@testable import PackFormat

/// The rules of docs/format.md §3.1 and §3.5: manifests whose message is well-formed and whose content is not.
@Suite struct ManifestRuleTests {
  let sample: SamplePack
  let forge: PackForge
  let placements: [ParameterPlacement]

  init() throws {
    sample = SamplePack()
    forge = try PackForge(sample.bytes())
    placements = try PackLayout(sample.contents).placements
  }

  private func rule(_ manifest: [UInt8]) -> PackFormatError? {
    var forge = forge
    forge.replace(kind: 1, by: manifest)
    return brokenRule(forge.bytes)
  }

  private func rule(_ change: (inout PackManifest) -> Void) -> PackFormatError? {
    var manifest = sample.contents.manifest
    change(&manifest)
    return rule(ManifestCoding.encode(manifest, placements))
  }

  private func rule(placing index: Int, _ section: Int, _ offset: Int, _ byteCount: Int) -> PackFormatError? {
    var placements = placements
    placements[index] = ParameterPlacement(section: section, offset: offset, byteCount: byteCount)
    return rule(ManifestCoding.encode(sample.contents.manifest, placements))
  }

  private func replacing(_ index: Int, _ parameter: PackParameter) -> PackFormatError? {
    rule { $0.parameters[index] = parameter }
  }

  @Test func theUnchangedManifestIsAccepted() {
    #expect(rule { _ in } == nil)
  }

  @Test func labelsAndNumbers() {
    let label = LabelRule.description
    for bad in ["", "a\nb", "a\u{0085}b", String(repeating: "x", count: 256)] {
      #expect(rule { $0.toolVersion = bad } == .manifestValue(field: "tool_version", found: bad, allowed: label))
      #expect(rule { $0.architecture = bad } == .manifestValue(field: "architecture", found: bad, allowed: label))
    }
    for bad in [0, 1 << 31, Int(UInt32.max)] {
      #expect(
        rule { $0.vocabularyCount = bad }
          == .manifestValue(field: "vocabulary_count", found: "\(bad)", allowed: "1 to 2147483647"))
      #expect(
        rule { $0.contextLength = bad }
          == .manifestValue(field: "context_length", found: "\(bad)", allowed: "1 to 2147483647"))
    }
    #expect(rule { $0.beginningID = 300 } == .manifestValue(field: "beginning_id", found: "300", allowed: "0 to 299"))
    #expect(rule { $0.endIDs = [2, 300] } == .manifestValue(field: "end_ids", found: "300", allowed: "0 to 299"))
    #expect(
      rule { $0.endIDs = [2, 2] }
        == .manifestValue(field: "end_ids", found: "2 twice", allowed: "distinct ids"))
  }

  @Test func generationDefaults() {
    let changes: [(String, (inout GenerationDefaults) -> Void)] = [
      ("temperature", { $0.temperature = -1 }), ("temperature", { $0.temperature = .nan }),
      ("temperature", { $0.temperature = .infinity }), ("top_k", { $0.topK = 0 }),
      ("top_p", { $0.topP = 1.5 }), ("top_p", { $0.topP = .nan }), ("min_p", { $0.minP = -0.1 }),
      ("repetition_penalty", { $0.repetitionPenalty = 0 }), ("repetition_penalty", { $0.repetitionPenalty = -1 }),
    ]
    for (field, change) in changes {
      guard case .manifestValue(field, _, _) = rule({ change(&$0.generation) }) else {
        Issue.record("\(field)")
        continue
      }
    }
  }

  @Test func namesAndRoles() {
    for bad in ["", "with space", "tab\t", "é", String(repeating: "n", count: 1_025)] {
      let found = replacing(0, SamplePack.parameter(bad, "embedding", [3, 64], .dense(.f32)))
      guard case .manifestValue("parameters.name", bad, _) = found else {
        Issue.record("\(bad)")
        continue
      }
    }
    for bad in ["", "Head", "a-b", String(repeating: "r", count: 33)] {
      let found = replacing(0, SamplePack.parameter("n", bad, [3, 64], .dense(.f32)))
      guard case .manifestValue("parameters.role", bad, _) = found else {
        Issue.record("\(bad)")
        continue
      }
    }
    #expect(rule { $0.parameters[1] = $0.parameters[0] } == .parameterDuplicate("embedding.tokens"))
    #expect(rule { $0.sources[1] = $0.sources[0] } == .sourceDuplicate("config.json"))
    #expect(
      rule { $0.sources[1] = PackSource(name: "a/b", byteCount: 1) }
        == .manifestValue(field: "sources.name", found: "a/b", allowed: "a name without a folder"))
  }

  /// Names, sets and signatures of tasks.
  @Test func tasks() {
    let valid = PackTask(name: "prose", experts: [[0, 2], [1]], signature: [0.25, 0.75])
    #expect(rule { $0.tasks = [valid] } == nil)
    #expect(rule { $0.tasks = [valid, valid] } == .taskDuplicate("prose"))
    let many = (0..<65).map { PackTask(name: "\($0)", experts: [[0]], signature: [1]) }
    #expect(rule { $0.tasks = many } == .manifestValue(field: "tasks", found: "65", allowed: "0 to 64"))
    #expect(rule { $0.tasks = Array(many.dropLast()) } == nil)
    for name in ["", "a\nb", String(repeating: "x", count: 256)] {
      #expect(
        rule { $0.tasks = [PackTask(name: name, experts: [[0]], signature: [1])] }
          == .manifestValue(field: "tasks.name", found: name, allowed: LabelRule.description))
    }
    #expect(
      rule { $0.tasks = [PackTask(name: "a", experts: [], signature: [1])] }
        == .manifestValue(field: "tasks.mixtures", found: "none", allowed: "one for each mixture"))
    for experts in [[], [1, 0], [0, 0], [1 << 31]] {
      #expect(
        rule { $0.tasks = [PackTask(name: "a", experts: [[0], experts], signature: [1])] }
          == .manifestValue(
            field: "tasks.mixtures.experts", found: "\(experts)", allowed: "ascending indices of experts"))
    }
    #expect(
      rule { $0.tasks = [PackTask(name: "a", experts: [[0]], signature: [])] }
        == .manifestValue(field: "tasks.signature", found: "none", allowed: "one for each expert"))
    for figure in [Float.nan, .infinity, -0.5, 1.5] {
      #expect(
        rule { $0.tasks = [PackTask(name: "a", experts: [[0]], signature: [0, figure])] }
          == .manifestValue(field: "tasks.signature", found: "\(figure)", allowed: "0 to 1"))
    }
  }

  /// A task's message with a field that does not exist, in it and one below.
  @Test func unknownFieldsOfTasks() {
    let manifest = ManifestCoding.encode(sample.contents.manifest, placements)
    let name: [UInt8] = [0x0A, 1, UInt8(ascii: "a")], set: [UInt8] = [0x12, 3, 0x0A, 1, 0]
    let signature: [UInt8] = [0x1A, 4, 0, 0, 0x80, 0x3F], stray: [UInt8] = [0x78, 1]
    func message(_ fields: [UInt8]) -> [UInt8] { manifest + [0x5A, UInt8(fields.count)] + fields }
    #expect(rule(message(name + set + signature)) == nil)
    #expect(rule(message(name + set + signature + stray)) == .manifestUnknownField)
    #expect(rule(message(name + [0x12, 5, 0x0A, 1, 0] + stray + signature)) == .manifestUnknownField)
    #expect(rule(message(set + signature)) == .manifestMalformed)
    #expect(rule(message(name + signature + set)) == .manifestNotCanonical)
    #expect(rule(message(name + set + [0x1A, 3, 0, 0, 0x80])) == .manifestMalformed)
  }

  @Test(arguments: [
    [], [0], [4, 0], [1 << 36, 2], [1 << 20, 1 << 20], [Int.max, Int.max, 4], [1, 1, 1, 1, 1, 1, 1, 1, 1], [Int.max],
  ])
  func impossibleDimensions(dimensions: [Int]) {
    // The byte count of such a shape cannot be asked for, so it is given.
    #expect(
      replacing(2, SamplePack.parameter("n", "mlp", dimensions, .dense(.f32)))
        == .parameterShape("n", dimensions: dimensions, encoding: "dense(f32)"))
  }

  @Test func groupsThatDoNotDivideTheRow() {
    let encoding = Encoding.grouped(GroupedEncoding(bits: 4, groupElementCount: 48, isSymmetric: true, scaleType: .f16))
    #expect(
      replacing(2, SamplePack.parameter("n", "mlp", [33, 64], encoding))
        == .parameterShape("n", dimensions: [33, 64], encoding: encoding.text))
  }

  /// Expressions whose components cannot hold their shapes, some with numbers that no byte count can be computed from.
  @Test(arguments: [
    "sparse(2:5 dense(f16))", "sparse(2:4 grouped(bits=4 group=64 symmetric scale=f16))",
    "low_rank(rank=0 dense(f16) dense(f16))", "low_rank(rank=34 dense(f16) dense(f16))",
    "low_rank(rank=9223372036854775807 dense(f16) dense(f16))",
    "low_rank(rank=-9223372036854775808 dense(f16) dense(f16))",
    "sum(dense(f16) low_rank(rank=9223372036854775807 dense(f16) dense(f16)))",
    "sum(sum(dense(f16) dense(f16)) sparse(1:3 dense(f16)))", "wrapped(block=2 type=f16 dense(f16))",
    "wrapped(block=11 type=f16 dense(f16))",
  ])
  func expressionsThatCannotHoldTheShape(text: String) throws {
    let parameter = SamplePack.parameter("n", "mlp", [33, 64], try Encoding(parsing: text))
    #expect(replacing(2, parameter) == .parameterShape("n", dimensions: [33, 64], encoding: text))
  }

  @Test func placesOfParameters() {
    let norm = placements[1], query = placements[2]
    #expect(norm.section == 4 && query.section == 5 && query.byteCount == 4_224)
    #expect(
      rule(placing: 2, 5, 0, 4_223)
        == .parameterByteCount("layers.0.attention.query", declared: 4_223, expected: 4_224))
    for section in [0, 3, 10, 11, 12, Int(UInt32.max)] {
      #expect(rule(placing: 2, section, 0, 4_224) == .parameterSection("layers.0.attention.query", section: section))
    }
    for (section, offset) in [(5, 64), (5, 1), (6, 0), (5, Int.max), (5, 1 << 40)] {
      #expect(
        rule(placing: 2, section, offset, 4_224)
          == .parameterPlace("layers.0.attention.query", section: section, offset: offset))
    }
    for offset in [0, norm.offset - 64, norm.offset + 64] {
      #expect(
        rule(placing: 1, 4, offset, norm.byteCount)
          == .parameterPlace("layers.0.norm", section: 4, offset: offset))
    }
  }

  @Test func bytesThatNoParameterCovers() {
    var longer = forge
    longer.sections[5].stored += [0]
    longer.sections[5].rawByteCount += 1
    #expect(brokenRule(longer.bytes) == .sectionUnused(5, from: 4_224))
    longer = forge
    longer.sections.insert(PackForge.Section(kind: 5, [1, 2, 3]), at: 10)
    #expect(brokenRule(longer.bytes) == .sectionUnused(10, from: 0))
    longer.sections[10] = PackForge.Section(kind: 5, [])
    #expect(brokenRule(longer.bytes) == .sectionUnused(10, from: 0))
    var shorter = forge
    shorter.sections[5].stored.removeLast()
    shorter.sections[5].rawByteCount -= 1
    #expect(brokenRule(shorter.bytes) == .parameterPlace("layers.0.attention.query", section: 5, offset: 0))
  }
}
