import ByteIO
import Encodings
import TensorCore
import Testing

@testable import PackFormat

/// Damage without a fitting checksum: nothing gets through, because every byte of a pack has one correct value.
@Suite struct DamageTests {
  let pack: [UInt8]

  init() throws { pack = try SamplePack().bytes() }

  @Test func truncationAtEveryLengthIsRefused() {
    #expect(brokenRule(pack) == nil)
    let accepted = (0..<pack.count).filter { brokenRule(Array(pack[..<$0])) == nil }
    #expect(accepted == [])
  }

  @Test func appendedBytesAreRefused() {
    for extra in [[0], [UInt8](repeating: 0, count: 64), Array(pack.suffix(64)), pack] {
      #expect(brokenRule(pack + extra) != nil)
    }
  }

  @Test func everyChangedByteIsRefused() {
    var accepted: [Int] = []
    var damaged = pack
    for index in pack.indices {
      for change: UInt8 in [0x01, 0x02, 0x10, 0x80, 0xFF] {
        damaged[index] = pack[index] ^ change
        if brokenRule(damaged) == nil { accepted.append(index) }
      }
      damaged[index] = pack[index]
    }
    #expect(accepted == [])
  }

  /// Changes of up to eight bytes, and swaps of two ranges.
  @Test func fiveThousandSeededMutationsAreRefused() {
    var generator = SplitMix64(seed: 2026)
    var accepted: [Int] = []
    for round in 0..<5_000 {
      var damaged = pack
      for _ in 0...Int.random(in: 0..<8, using: &generator) {
        damaged[Int.random(in: pack.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      if round % 4 == 0 {
        let first = Int.random(in: 0..<pack.count - 16, using: &generator)
        let second = Int.random(in: 0..<pack.count - 16, using: &generator)
        damaged.replaceSubrange(first..<first + 16, with: pack[second..<second + 16])
      }
      if damaged != pack, brokenRule(damaged) == nil { accepted.append(round) }
    }
    #expect(accepted == [])
  }

  @Test func paddingOfPageAlignedExpertsIsCovered() throws {
    let pack = try SamplePack(expertWidth: 1_500).bytes()
    let reader = try openWhole(pack)
    let experts = reader.sections.indices.filter { reader.sections[$0].alignment == 4_096 }
    #expect(experts.count == 2)
    for index in experts {
      for place in [reader.sections[index - 1].range.upperBound, reader.sections[index].offset - 1] {
        #expect(place < reader.sections[index].offset && pack[place] == 0)
        var damaged = pack
        damaged[place] = 1
        #expect(brokenRule(damaged) == .paddingNotZero(at: place))
      }
    }
  }

  @Test func openingChecksNoWeightsAndTheFirstUseDoes() throws {
    let name = "layers.0.attention.query"
    let place = try #require(openWhole(pack).parameter(named: name))
    var damaged = pack
    damaged[try PackForge(pack).offset(of: place.placement.section) + 5] ^= 1
    let reader = try PackReader(InMemoryBytes(damaged), path: "a.swage")
    for item in reader.parameters where item.placement.section != place.placement.section {
      _ = try reader.bytes(of: item)
    }
    let expected = PackFileError(path: "a.swage", fact: .sectionChecksum(place.placement.section, .parameters))
    #expect(throws: expected) { try reader.bytes(of: place) }
    // It is not forgotten.
    #expect(throws: expected) { try reader.bytes(of: place) }
    #expect(throws: expected) { try reader.verifyAll() }
  }

  @Test func aVerifiedSectionIsReadOnlyOnce() throws {
    let storage = CountingStorage(pack)
    let reader = try PackReader(storage, path: "a.swage")
    let place = try #require(reader.parameter(named: "layers.0.attention.query"))
    _ = try reader.bytes(of: place)
    let count = storage.lendCount
    _ = try reader.bytes(of: place)
    #expect(storage.lendCount == count && count > 0)
  }
}
