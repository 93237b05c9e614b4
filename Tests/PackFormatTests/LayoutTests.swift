import Encodings
import TensorCore
import Testing

@testable import PackFormat

@Suite struct LayoutTests {
  /// Section numbers of the parameters, the first parameter section counting as 0.
  private func grouping(_ parameters: [PackParameter]) throws -> [Int] {
    var contents = SamplePack().contents
    contents.manifest.parameters = parameters
    let placements = try PackLayout(contents).placements
    return placements.map { $0.section - placements[0].section }
  }

  @Test func anExpertsMatricesShareASectionAndOtherMatricesDoNot() throws {
    let parameters = [
      SamplePack.parameter("a", "attention", [64, 64], .dense(.f32)),
      SamplePack.parameter("b", "attention", [64, 64], .dense(.f32)),
      SamplePack.parameter("l.experts.0.gate", "expert", [64, 64], .dense(.f32)),
      SamplePack.parameter("l.experts.0.up", "expert", [64, 64], .dense(.f32)),
      SamplePack.parameter("l.experts.1.gate", "expert", [2, 2], .dense(.f32)),
      SamplePack.parameter("l.experts.1.up", "expert", [2, 2], .dense(.f32)),
      SamplePack.parameter("c", "mlp", [1_023], .dense(.f32)),
      SamplePack.parameter("d", "mlp", [1_023], .dense(.f32)),
      SamplePack.parameter("e", "mlp", [1_024], .dense(.f32)),
      SamplePack.parameter("f", "mlp", [1_023], .dense(.f32)),
    ]
    #expect(try grouping(parameters) == [0, 1, 2, 2, 3, 3, 4, 4, 5, 6])
  }

  @Test(arguments: [(128, 64), (129, 4_096)])
  func anExpertLargerThan64KiBIsPageAligned(rowCount: Int, alignment: Int) throws {
    var contents = SamplePack().contents
    contents.manifest.parameters = (0..<2).flatMap { expert in
      ["gate", "up"].map {
        SamplePack.parameter("l.experts.\(expert).\($0)", "expert", [rowCount, 64], .dense(.f32))
      }
    }
    let experts = try PackLayout(contents).sections.filter { $0.kind == .parameters }
    #expect(experts.map(\.alignment) == [alignment, alignment])
    #expect(experts.map(\.storedByteCount) == [2 * rowCount * 256, 2 * rowCount * 256])
    #expect(experts.allSatisfy { $0.offset % alignment == 0 })
  }

  @Test func aLargeMatrixOfAnotherRoleIsNotPageAligned() throws {
    var contents = SamplePack().contents
    contents.manifest.parameters = [SamplePack.parameter("m", "mlp", [1_024, 64], .dense(.f32))]
    #expect(try PackLayout(contents).sections.filter { $0.kind == .parameters }.map(\.alignment) == [64])
  }

  /// A model of a trillion parameters is laid out from its shapes.
  @Test func theSizeOfAHugeModelIsKnownWithoutItsWeights() throws {
    var contents = SamplePack().contents
    let encoding = Encoding.grouped(
      GroupedEncoding(bits: 4, groupElementCount: 64, isSymmetric: true, scaleType: .f16))
    contents.manifest.parameters = (0..<60).map {
      SamplePack.parameter("layers.\($0)", "mlp", [262_144, 65_536], encoding)
    }
    let layout = try PackLayout(contents)
    let weights = 60 * (262_144 * 65_536 / 2 + 262_144 * 1_024 * 2)
    #expect(layout.sections.filter { $0.kind == .parameters }.reduce(0) { $0 + $1.storedByteCount } == weights)
    #expect((weights..<weights + 65_536).contains(layout.byteCount()))
  }

  @Test func aManifestNoReaderWouldTakeIsRefusedBeforeAnythingIsWritten() {
    var contents = SamplePack().contents
    contents.manifest.parameters.append(contents.manifest.parameters[0])
    #expect(throws: PackFormatError.parameterDuplicate("embedding.tokens")) { try PackLayout(contents) }
    contents = SamplePack().contents
    contents.graphText = ""
    #expect(throws: PackFormatError.sectionEmpty(1, .graph)) { try PackLayout(contents) }
  }
}
