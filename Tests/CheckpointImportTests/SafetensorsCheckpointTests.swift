import ByteIO
import CheckpointImport
import Diagnostics
import ForeignFormats
import Foundation
import TensorCore
import TestSupport
import Testing

/// Folders of weights: one file, several with an index, and what can be wrong with them.
struct SafetensorsCheckpointTests {
  typealias Bytes = SafetensorsBytes

  private static let index = "model.safetensors.index.json"
  private static let a = Bytes.tensors([("x", 4), ("y", 8)], type: "F32", bytesPerElement: 4)
  private static let b = Bytes.tensors([("z", 2)], type: "BF16", bytesPerElement: 2)

  private func index(_ map: [(String, String)], metadata: String = "{}") -> [UInt8] {
    let members = map.map { #""\#($0)":"\#($1)""# }.joined(separator: ",")
    return [UInt8](#"{"metadata":\#(metadata),"weight_map":{\#(members)}}"#.utf8)
  }

  // MARK: Whole checkpoints

  @Test func shardsAreReadAsOneCheckpoint() throws {
    let folder = try TemporaryFolder(files: [
      "a.safetensors": Self.a, "b.safetensors": Self.b,
      Self.index: index(
        [("z", "b.safetensors"), ("x", "a.safetensors"), ("y", "a.safetensors")],
        metadata: #"{"total_size":14,"total_parameters":4}"#),
    ])
    let checkpoint = try SafetensorsCheckpoint(path: folder.path)
    #expect(checkpoint.tensorNames == ["x", "y", "z"])
    #expect(checkpoint.warnings == [])
    #expect(checkpoint.folder == folder.path)
    #expect(checkpoint.files.map(\.name) == ["a.safetensors", "b.safetensors"])
    #expect(checkpoint.files.map(\.byteCount) == [Self.a.count, Self.b.count])
    let z = try #require(try checkpoint.tensor(named: "z"))
    #expect(z.elementType == .bf16 && z.dimensions == [1] && z.storage.byteCount == 2)
    #expect(try checkpoint.tensor(named: "w") == nil)
  }

  @Test func oddIndexesAreReadWithAWarning() throws {
    let folder = try TemporaryFolder(files: [
      "a.safetensors": Self.a, "b.safetensors": Self.b,
      Self.index: index([("x", "a.safetensors"), ("z", "b.safetensors")], metadata: #"{"total_size":13.5}"#),
    ])
    let checkpoint = try SafetensorsCheckpoint(path: folder.path)
    #expect(checkpoint.tensorNames == ["x", "z"])
    #expect(
      checkpoint.warnings == [
        .tensorNotInIndex(tensor: "y", shard: "a.safetensors"), .totalByteCountDiffers(declared: 13.5, found: 14),
      ])
    #expect(checkpoint.warnings[0].text == "tensor `y` in a.safetensors is not in the index and is left out")
  }

  @Test func theSingleFileComesBeforeAnIndex() throws {
    let folder = try TemporaryFolder(files: ["model.safetensors": Self.b, Self.index: [], "golden.safetensors": Self.a])
    #expect(try SafetensorsCheckpoint(path: folder.path).tensorNames == ["z"])
  }

  @Test func aFileCanBeNamedItself() throws {
    let folder = try TemporaryFolder(files: ["other.safetensors": Self.a])
    let checkpoint = try SafetensorsCheckpoint(path: folder.path("other.safetensors"))
    #expect(checkpoint.tensorNames == ["x", "y"])
    #expect(checkpoint.folder == folder.path)
    #expect(checkpoint.files.map(\.name) == ["other.safetensors"])
  }

  @Test func aTypeThatIsNotReadIsRefusedOnlyWhenNeeded() throws {
    let header = "{" + Bytes.record("count", "I64", [1], 0, 8) + "," + Bytes.record("w", "F16", [1], 8, 10) + "}"
    let folder = try TemporaryFolder(files: [
      "model.safetensors": Bytes.file(header, data: [UInt8](repeating: 0, count: 10))
    ])
    let checkpoint = try SafetensorsCheckpoint(path: folder.path)
    #expect(try checkpoint.tensor(named: "w")?.elementType == .f16)
    #expect(checkpoint.entry(named: "count")?.type == .i64)
    let error = #expect(
      throws: SafetensorsError.typeNotReadable(file: folder.path("model.safetensors"), tensor: "count", type: .i64)
    ) { try checkpoint.tensor(named: "count") }
    #expect(error?.diagnosis.status == .unsupported)
  }

  /// The cache of the Hugging Face hub holds links to files elsewhere.
  @Test func linksAreFollowed() throws {
    let elsewhere = try TemporaryFolder(files: ["blob": Self.a])
    let folder = TemporaryFolder()
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("model.safetensors"), withDestinationPath: elsewhere.path("blob"))
    #expect(try SafetensorsCheckpoint(path: folder.path).tensorNames == ["x", "y"])
  }

  // MARK: Refused

  @Test func whatIsNotThereIsNamed() throws {
    let folder = try TemporaryFolder(files: ["config.json": [], "weights.gguf": []])
    #expect(throws: ByteIOError.notFound(path: folder.path("none"))) {
      try SafetensorsCheckpoint(path: folder.path("none"))
    }
    expect(.notACheckpoint(path: folder.path("config.json")), folder.path("config.json"))
    let error = expect(.noWeights(folder: folder.path, present: []), folder.path)
    #expect(error?.diagnosis.status == .missingInput)
  }

  @Test func oneFileOfAnotherNameIsPointedOut() throws {
    let folder = try TemporaryFolder(files: ["weights.safetensors": Self.a])
    expect(.noWeights(folder: folder.path, present: ["weights.safetensors"]), folder.path)
  }

  @Test func picklesAreRefusedByName() throws {
    let folder = try TemporaryFolder(files: ["pytorch_model.bin": []])
    let error = expect(.onlyPickledWeights(folder: folder.path, present: ["pytorch_model.bin"]), folder.path)
    #expect(error?.diagnosis.status == .unsupported)
  }

  @Test func severalFilesNeedAnIndex() throws {
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    let folder = try TemporaryFolder(files: [shards[0]: Self.a, shards[1]: Self.b])
    expect(.severalShardsWithoutIndex(folder: folder.path, shards: shards), folder.path)
  }

  @Test func allMissingShardsAreListed() throws {
    let folder = try TemporaryFolder(files: [
      "a.safetensors": Self.a,
      Self.index: index([
        ("x", "a.safetensors"), ("y", "d.safetensors"), ("z", "c.safetensors"), ("w", "c.safetensors"),
      ]),
    ])
    try FileManager.default.createSymbolicLink(atPath: folder.path("d.safetensors"), withDestinationPath: "nowhere")
    let error = expect(.shardsMissing(folder: folder.path, shards: ["c.safetensors", "d.safetensors"]), folder.path)
    #expect(error?.diagnosis.status == .missingInput)
    #expect(error?.diagnosis.why == "the index names c.safetensors, d.safetensors")
  }

  @Test func aTensorIsInTheShardTheIndexNames() throws {
    let folder = try TemporaryFolder(files: [
      "a.safetensors": Self.a, "b.safetensors": Self.b,
      Self.index: index([("x", "a.safetensors"), ("y", "b.safetensors")]),
    ])
    expect(.tensorNotInShard(index: folder.path(Self.index), tensor: "y", shard: "b.safetensors"), folder.path)
  }

  @Test(arguments: ["../a.safetensors", "/etc/passwd", "sub/a.safetensors", "sub\\\\a", "..", ".", "", "a\\u0000b"])
  func aShardIsAPlainName(shard: String) throws {
    let folder = try TemporaryFolder(files: [Self.index: index([("x", shard)])])
    let plain = shard.replacingOccurrences(of: "\\\\", with: "\\").replacingOccurrences(of: "\\u0000", with: "\0")
    expect(.shardNameNotBare(index: folder.path(Self.index), tensor: "x", shard: plain), folder.path)
  }

  @Test(arguments: [
    ("{}", "it has no object `weight_map`"), ("[]", "it has no object `weight_map`"),
    (#"{"weight_map":[]}"#, "it has no object `weight_map`"), (#"{"weight_map":{}}"#, "`weight_map` is empty"),
    (#"{"weight_map":{"x":1}}"#, "tensor `x` is mapped to an integer"),
  ])
  func anIndexMapsTensorsToFiles(text: String, reason: String) throws {
    let folder = try TemporaryFolder(files: [Self.index: [UInt8](text.utf8)])
    expect(.indexMalformed(index: folder.path(Self.index), reason: reason), folder.path)
  }

  @Test func anIndexIsJSONWithEveryNameOnce() throws {
    let cut = try TemporaryFolder(files: [Self.index: [UInt8](#"{"weight_map":{"x":"#.utf8)])
    let cutError = #expect(throws: JSONError.self) { try SafetensorsCheckpoint(path: cut.path) }
    #expect(cutError?.diagnosis.code == "json.malformed")
    let twice = try TemporaryFolder(files: [Self.index: index([("x", "a.safetensors"), ("x", "b.safetensors")])])
    let error = #expect(throws: JSONError.self) { try SafetensorsCheckpoint(path: twice.path) }
    #expect(error?.diagnosis.code == "json.duplicate-key")
  }

  @Test func aDamagedShardIsNamed() throws {
    let folder = try TemporaryFolder(files: [
      "a.safetensors": Self.a + [0], Self.index: index([("x", "a.safetensors"), ("y", "a.safetensors")]),
    ])
    #expect(throws: SafetensorsError.trailingBytes(file: folder.path("a.safetensors"), byteCount: 1)) {
      try SafetensorsCheckpoint(path: folder.path)
    }
  }

  @Test func aFolderInPlaceOfAShardIsRefused() throws {
    let folder = try TemporaryFolder(files: [Self.index: index([("x", "a.safetensors")])])
    try FileManager.default.createDirectory(atPath: folder.path("a.safetensors"), withIntermediateDirectories: false)
    #expect(throws: ByteIOError.isDirectory(path: folder.path("a.safetensors"))) {
      try SafetensorsCheckpoint(path: folder.path)
    }
  }

  @discardableResult
  private func expect(
    _ expected: CheckpointFolderError, _ path: String, sourceLocation: SourceLocation = #_sourceLocation
  ) -> CheckpointFolderError? {
    #expect(throws: expected, sourceLocation: sourceLocation) { try SafetensorsCheckpoint(path: path) }
  }
}
