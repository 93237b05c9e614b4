import TensorCore
import Testing

@testable import PackFormat

/// Manifests that are hostile as messages, made byte by byte.
@Suite struct ManifestMessageTests {
  let sample: SamplePack
  let forge: PackForge
  let manifest: [UInt8]

  init() throws {
    sample = SamplePack()
    forge = try PackForge(sample.bytes())
    manifest = ManifestCoding.encode(sample.contents.manifest, try PackLayout(sample.contents).placements)
  }

  private func rule(_ manifest: [UInt8]) -> PackFormatError? {
    var forge = forge
    forge.replace(kind: 1, by: manifest)
    return brokenRule(forge.bytes)
  }

  /// The manifest with the first occurrence of `text` replaced by bytes of the same length.
  private func replacing(_ text: String, by bytes: [UInt8]) -> [UInt8] {
    let pattern = Array(text.utf8)
    precondition(pattern.count == bytes.count)
    var changed = manifest
    for start in 0...manifest.count - pattern.count where Array(manifest[start..<start + pattern.count]) == pattern {
      changed.replaceSubrange(start..<start + pattern.count, with: bytes)
      return changed
    }
    preconditionFailure("no \(text)")
  }

  @Test func aManifestMayBeStoredUncompressed() {
    #expect(rule(manifest) == nil)
  }

  @Test func everyTruncationIsRefused() {
    #expect((0..<manifest.count).filter { rule(Array(manifest[..<$0])) == nil } == [])
  }

  @Test func notAMessage() {
    #expect(rule([]) == .sectionEmpty(0, .manifest))
    #expect(rule([0xFF]) == .manifestMalformed)
    #expect(rule(Array("hello, world".utf8)) == .manifestMalformed)
    // A required field missing: the first two are gone.
    #expect(rule(Array(manifest[("swage 0.0.1".utf8.count + 2)...])) == .manifestMalformed)
    // Groups (wire types 3 and 4), nested a hundred thousand deep.
    #expect(rule(manifest + [UInt8](repeating: 0x7B, count: 100_000)) == .manifestMalformed)
    // A string that claims two gigabytes.
    #expect(rule(manifest + [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07]) == .manifestMalformed)
    #expect(rule(manifest + [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]) == .manifestMalformed)
  }

  @Test func unknownFields() {
    #expect(rule(manifest + [0x60, 0x01]) == .manifestUnknownField)
    #expect(rule(manifest + [0xF8, 0xFF, 0xFF, 0xFF, 0x0F, 0x00]) == .manifestUnknownField)
  }

  @Test func otherSpellingsOfTheSameContent() {
    // vocabulary_count a second time, with the same value.
    #expect(rule(manifest + [0x18, 0xAC, 0x02]) == .manifestNotCanonical)
    // The same field with a longer varint, in place.
    let short: [UInt8] = [0x18, 0xAC, 0x02]
    let start = manifest.indices.first { Array(manifest[$0..<min($0 + 3, manifest.count)]) == short } ?? 0
    let long: [UInt8] = [0x18, 0xAC, 0x82, 0x00]
    #expect(rule(Array(manifest[..<start]) + long + manifest[(start + 3)...]) == .manifestNotCanonical)
    // A zero byte inside a string would end it for a reader in C.
    #expect(rule(replacing("sample", by: Array("samp".utf8) + [0, 0x65])) == .manifestNotCanonical)
  }

  @Test func textsThatAreNotUTF8() {
    #expect(
      rule(replacing("sample", by: [0x73, 0xFF, 0x6D, 0x70, 0x6C, 0x65]))
        == .manifestValue(field: "architecture", found: "bytes that are not UTF-8", allowed: "UTF-8"))
    #expect(
      rule(replacing("attention", by: [0xC3] + Array("ttention".utf8)))
        == .manifestValue(field: "parameters.name", found: "bytes that are not UTF-8", allowed: "UTF-8"))
  }

  @Test func wordsThatAreNotKnown() {
    #expect(
      rule(replacing("dense(f32)", by: Array("dense(f64)".utf8)))
        == .parameterEncoding("layers.0.norm", found: "dense(f64)"))
    #expect(
      rule(replacing("bits=3", by: Array("bits=1".utf8)))
        == .parameterEncoding("embedding.tokens", found: "grouped(bits=1 group=64 symmetric scale=bf16)"))
    // original_type of the first parameter.
    #expect(
      rule(replacing("B\u{04}bf16", by: Array("B\u{04}int8".utf8)))
        == .manifestValue(field: "parameters.original_type", found: "int8", allowed: "f32, f16 or bf16"))
  }

  /// A megabyte of two-byte fields would decode to forty; decoding stops at the limit.
  @Test func decodingIsBoundedInMemory() {
    let flood = [UInt8]((0..<500_000).flatMap { _ in [0x28, 0x01] as [UInt8] })
    #expect(rule(manifest + flood) == .manifestTooLarge(limit: 16 * (manifest.count + flood.count) + 65_536))
    let empties = [UInt8]((0..<500_000).flatMap { _ in [0x5A, 0x00] as [UInt8] })
    #expect(rule(manifest + empties) != nil)
  }

  /// Mutations below the checksums: what is accepted is canonical and every place in it can be read.
  @Test func fiveThousandSeededMutationsOfTheMessage() throws {
    var generator = SplitMix64(seed: 99)
    var acceptedCount = 0
    for _ in 0..<5_000 {
      var changed = manifest
      for _ in 0...Int.random(in: 0..<3, using: &generator) {
        let index = changed.indices.randomElement(using: &generator) ?? 0
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: changed.remove(at: index)
        case 1: changed.insert(UInt8.random(in: 0...255, using: &generator), at: index)
        case 2: changed[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        default: changed[index] = UInt8.random(in: 0...255, using: &generator)
        }
      }
      var forge = forge
      forge.replace(kind: 1, by: changed)
      guard let reader = try? openWhole(forge.bytes) else { continue }
      acceptedCount += 1
      let placements = reader.parameters.map(\.placement)
      #expect(ManifestCoding.encode(reader.manifest, placements) == changed)
      for parameter in reader.parameters {
        #expect(try reader.bytes(of: parameter).byteCount == parameter.parameter.byteCount)
      }
    }
    // Changes inside free text are legitimate, changes anywhere else are not.
    #expect(acceptedCount > 100 && acceptedCount < 3_000)
  }
}
