import Encodings
import ModelIR
import TensorCore
import Testing

@testable import CheckpointImport

@Suite struct ModelTests {
  private static let name = "layers.0.mlp.up"

  private func refusal(_ damage: (inout Model) -> Void) throws -> ModelError? {
    var model = try Checkpoint.open(path: SampleCheckpoint.llama.path).model
    damage(&model)
    return #expect(throws: ModelError.self) { try model.verify() }
  }

  @Test func everyParameterNeedsAValue() throws {
    #expect(try refusal { $0.values[Self.name] = nil } == .valueMissing(parameter: Self.name))
  }

  @Test func everyValueNeedsAParameter() throws {
    let value = ParameterValue(encoding: .dense(.f32), storage: InMemoryBytes([]))
    #expect(try refusal { $0.values["stray"] = value } == .parameterMissing(value: "stray"))
  }

  @Test func bytesFitTheEncoding() throws {
    let value = ParameterValue(encoding: .dense(.bf16), storage: InMemoryBytes([0, 0]))
    #expect(
      try refusal { $0.values[Self.name] = value }
        == .wrongByteCount(parameter: Self.name, expected: 128 * 64 * 2, found: 2))
  }

  @Test func encodingsFitTheShape() throws {
    let encoding = Encoding.grouped(GroupedEncoding(bits: 4, groupElementCount: 48, isSymmetric: true))
    let value = ParameterValue(encoding: encoding, storage: InMemoryBytes([]))
    #expect(
      try refusal { $0.values[Self.name] = value }
        == .encodingRefusesShape(
          parameter: Self.name, encoding: encoding, shape: MatrixShape(outputCount: 128, inputCount: 64)))
  }

  @Test func historyAndIntentArePrinted() throws {
    var model = try Checkpoint.open(path: SampleCheckpoint.llama.path).model
    let original = try #require(model.values[Self.name])
    let bytes = InMemoryBytes([UInt8](repeating: 0, count: 128 * 64 * 4))
    var value = original.replaced(by: .dense(.f32), storage: bytes, step: "cast type=f32")
    value.intent = .dense(.f16)
    model.values[Self.name] = value
    try model.verify()
    #expect(
      model.text.contains(
        "\n  @layers.0.mlp.up [128, 64] dense(f32) 32768 bytes intent dense(f16)  # cast type=f32\n"))
    let figures = try #require(model.sizes.byRole.first { $0.role == .mlp }).figures
    // One of six matrices of equal size takes 32 bits a weight, the others 16.
    #expect(abs(figures.bitsPerWeight - (32 + 5 * 16) / 6.0) < 1e-12)
  }
}
