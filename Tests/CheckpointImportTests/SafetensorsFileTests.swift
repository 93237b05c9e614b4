import Diagnostics
import TensorCore
import Testing

@testable import CheckpointImport

/// What a header may say, and one refusal for each rule it can break.
struct SafetensorsFileTests {
  typealias Bytes = SafetensorsBytes

  private static let name = "weights.safetensors"

  private func parse(_ bytes: [UInt8]) throws -> SafetensorsFile {
    try SafetensorsFile(InMemoryBytes(bytes), path: Self.name)
  }

  // MARK: Accepted

  @Test func tensorsComeInTheOrderOfTheirBytes() throws {
    let header =
      "{" + Bytes.record("second", "F16", [3], 8, 14) + #","__metadata__":{"format":"pt"},"#
      + Bytes.record("first", "F32", [2, 1], 0, 8) + "}  "
    let file = try parse(Bytes.file(header, data: Array(0..<14)))
    let start = 8 + header.utf8.count
    #expect(
      file.tensors == [
        .init(name: "first", type: .f32, dimensions: [2, 1], byteRange: start..<start + 8),
        .init(name: "second", type: .f16, dimensions: [3], byteRange: start + 8..<start + 14),
      ])
    #expect(file.storage.withBytes(file.tensors[1].byteRange) { [$0[0], $0[5]] } == [8, 13])
  }

  @Test func emptyThingsAreAccepted() throws {
    #expect(try parse(Bytes.file("{}")).tensors == [])
    #expect(try parse(Bytes.file(#"{"__metadata__":null}"#)).tensors == [])
    let header =
      "{" + Bytes.record("scalar", "F32", [], 0, 4) + "," + Bytes.record("none", "F32", [3, 0, 5], 4, 4) + ","
      + Bytes.record("also-none", "I64", [0], 0, 0) + "}"
    let file = try parse(Bytes.file(header, data: [1, 2, 3, 4]))
    #expect(file.tensors.map(\.name) == ["also-none", "scalar", "none"])
    #expect(file.tensors.map(\.byteRange.count) == [0, 4, 0])
  }

  @Test func unknownFieldsAndOddNamesAreAccepted() throws {
    let header = #"{"../../x":{"dtype":"U8","strides":[1],"shape":[1],"data_offsets":[0,1]}}"#
    #expect(try parse(Bytes.file(header, data: [7])).tensors.map(\.name) == ["../../x"])
  }

  @Test(arguments: SafetensorsType.allCases)
  func everyTypeOfTheFormatIsListed(type: SafetensorsType) throws {
    let bits = [
      "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
      "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
      "C64": 64, "F64": 64, "I64": 64, "U64": 64,
    ]
    #expect(bits.count == SafetensorsType.allCases.count)
    let byteCount = try #require(bits[type.rawValue])  // eight elements
    let header = "{" + Bytes.record("t", type.rawValue, [8], 0, byteCount) + "}"
    #expect(try parse(Bytes.file(header, data: [UInt8](repeating: 0, count: byteCount))).tensors.first?.type == type)
  }

  // MARK: The container

  @Test(arguments: 0..<8)
  func aFileWithoutALengthIsRefused(byteCount: Int) {
    expect(.fileTooShort(file: Self.name, byteCount: byteCount), [UInt8](repeating: 0, count: byteCount))
  }

  @Test func aHeaderOverTheLimitIsRefused() {
    expect(
      .headerOverLimit(file: Self.name, declared: 100_000_001, limit: 100_000_000), Bytes.length(100_000_001) + [0x7B])
    expect(.headerOverLimit(file: Self.name, declared: .max, limit: 100_000_000), Bytes.length(.max) + [0x7B])
  }

  @Test func aHeaderLongerThanTheFileIsRefused() {
    expect(
      .headerPastEnd(file: Self.name, declared: 100_000_000, available: 2), Bytes.length(100_000_000) + [0x7B, 0x7D])
    expect(.headerPastEnd(file: Self.name, declared: 3, available: 2), Bytes.length(3) + [0x7B, 0x7D])
  }

  @Test(
    arguments: [("", nil), (" {}", 0x20), ("\n{}", 0x0A), ("[]", 0x5B), ("null", 0x6E), ("\u{FEFF}{}", 0xEF)]
      as [(String, UInt8?)])
  func aHeaderThatDoesNotBeginWithABraceIsRefused(header: String, firstByte: UInt8?) {
    expect(.headerNotAnObject(file: Self.name, firstByte: firstByte), Bytes.file(header))
  }

  @Test(arguments: [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0xAF]] as [[UInt8]])
  func aNameThatIsNotUTF8IsRefused(invalid: [UInt8]) {
    let header =
      [UInt8](#"{"abc"#.utf8) + invalid + [UInt8](#"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#.utf8)
    expect(.headerNotUTF8(file: Self.name, offset: 13), Bytes.file(header))
  }

  @Test(arguments: [
    "{", "{}x", "{}\u{0}", "{} {}", #"{"a":}"#, #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},}"#,
    #"{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,0]}}"#,
    #"{"a":"# + String(repeating: "[", count: 100_000),
    #"{"a":"# + String(repeating: "[", count: 1_000) + String(repeating: "]", count: 1_000) + "}",
  ])
  func aHeaderThatIsNotJSONIsRefused(header: String) {
    let error = #expect(throws: SafetensorsError.self) { try parse(Bytes.file(header)) }
    guard case .headerNotJSON(Self.name, let reason) = error, !reason.isEmpty else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func aNameThatOccursTwiceIsRefused() {
    let twice = "{" + Bytes.record("a", "U8", [1], 0, 1) + "," + Bytes.record("a", "U8", [1], 1, 2) + "}"
    let field = #"{"a":{"dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,2]}}"#
    let composed = "{" + Bytes.record("\u{E9}", "U8", [1], 0, 1) + "," + Bytes.record("e\u{301}", "U8", [1], 1, 2) + "}"
    for (header, fragment) in [(twice, "a"), (field, "shape"), (composed, "e\u{301}")] {
      let error = #expect(throws: SafetensorsError.self) { try parse(Bytes.file(header, data: [0, 0])) }
      guard case .duplicateKey(Self.name, let reason) = error, reason.contains(fragment) else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  @Test func metadataIsATableOfTexts() {
    expect(.metadataNotAnObject(file: Self.name, found: "an array"), Bytes.file(#"{"__metadata__":[]}"#))
    expect(
      .metadataNotText(file: Self.name, key: "b", found: "an integer"),
      Bytes.file(#"{"__metadata__":{"a":"x","b":1}}"#))
  }

  // MARK: Records

  @Test func moreTensorsThanTheLimitAreRefused() {
    var header = [UInt8]("{".utf8)
    for index in 0...2_000_000 { header += [UInt8]("\"\(index)\":0,".utf8) }
    header[header.count - 1] = UInt8(ascii: "}")
    expect(.tooManyTensors(file: Self.name, count: 2_000_001, limit: 2_000_000), Bytes.file(header))
  }

  @Test func aNameOverTheLimitIsRefused() throws {
    let longest = String(repeating: "n", count: 65_536)
    #expect(try parse(Bytes.file("{" + Bytes.record(longest, "U8", [0], 0, 0) + "}")).tensors.count == 1)
    expect(
      .nameTooLong(file: Self.name, nameStart: String(longest.prefix(40)), byteCount: 65_537, limit: 65_536),
      Bytes.file("{" + Bytes.record(longest + "n", "U8", [0], 0, 0) + "}"))
  }

  @Test(arguments: [("[]", "an array"), ("null", "null"), ("3", "an integer"), (#""x""#, "a string")])
  func aRecordIsAnObject(value: String, found: String) {
    expect(.recordNotAnObject(file: Self.name, tensor: "a", found: found), Bytes.file(#"{"a":\#(value)}"#))
  }

  @Test(arguments: [
    ("dtype", #"{"shape":[0],"data_offsets":[0,0]}"#), ("shape", #"{"dtype":"U8","data_offsets":[0,0]}"#),
    ("data_offsets", #"{"dtype":"U8","shape":[0]}"#),
  ])
  func aRecordHasAllItsFields(field: String, record: String) {
    expect(.fieldMissing(file: Self.name, tensor: "a", field: field), Bytes.file(#"{"a":\#(record)}"#))
  }

  @Test(arguments: [
    ("dtype", "a text", "an integer", #"{"dtype":8,"shape":[0],"data_offsets":[0,0]}"#),
    ("shape", "a list", "an integer", #"{"dtype":"U8","shape":0,"data_offsets":[0,0]}"#),
    ("shape", "a list", "null", #"{"dtype":"U8","shape":null,"data_offsets":[0,0]}"#),
    ("data_offsets", "a list of two offsets", "an array", #"{"dtype":"U8","shape":[0],"data_offsets":[0]}"#),
    ("data_offsets", "a list of two offsets", "an array", #"{"dtype":"U8","shape":[0],"data_offsets":[0,0,0]}"#),
    ("data_offsets", "a list of two offsets", "an object", #"{"dtype":"U8","shape":[0],"data_offsets":{}}"#),
  ])
  func aFieldIsOfItsKind(field: String, expected: String, found: String, record: String) {
    expect(
      .fieldOfWrongKind(file: Self.name, tensor: "a", field: field, expected: expected, found: found),
      Bytes.file(#"{"a":\#(record)}"#))
  }

  @Test(arguments: ["F8", "f32", "", "FLOAT"])
  func anUnknownTypeIsNamedWithItsTensor(type: String) {
    let error = expect(
      .unknownType(file: Self.name, tensor: "a", type: type),
      Bytes.file("{" + Bytes.record("a", type, [4], 0, 4) + "}", data: [0, 0, 0, 0]))
    #expect(error?.diagnosis.status == .unsupported)
    #expect(error?.diagnosis.place == "weights.safetensors, tensor `a`")
  }

  @Test(arguments: [
    ("-1", "-1"), ("1.0", "1.0"), ("1e3", "1000.0"), (#""1""#, "a string"), ("null", "null"), ("[1]", "an array"),
    ("9223372036854775808", "9.223372036854776e+18"), ("-9223372036854775808", "-9223372036854775808"),
  ])
  func aDimensionIsACount(dimension: String, found: String) {
    expect(
      .invalidDimension(file: Self.name, tensor: "a", found: found),
      Bytes.file(#"{"a":{"dtype":"U8","shape":[1,\#(dimension)],"data_offsets":[0,1]}}"#, data: [0]))
  }

  @Test(arguments: [("-1", "-1"), ("0.0", "0.0"), ("true", "a boolean"), ("1e400", nil)] as [(String, String?)])
  func anOffsetIsACount(offset: String, found: String?) {
    let bytes = Bytes.file(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[\#(offset),1]}}"#, data: [0])
    if let found {
      expect(.invalidOffset(file: Self.name, tensor: "a", found: found), bytes)
    } else {
      #expect(throws: SafetensorsError.self) { try parse(bytes) }
    }
  }

  @Test(arguments: [[1 << 62, 2], [1 << 32, 1 << 32], [.max], [1 << 60, 8, 0]])
  func aShapeTooLargeToCountIsRefused(shape: [Int]) {
    expect(
      .elementCountOverflow(file: Self.name, tensor: "a", dimensions: shape),
      Bytes.file("{" + Bytes.record("a", "F32", shape, 0, 4) + "}", data: [0, 0, 0, 0]))
  }

  @Test func aTensorEndsOnAWholeByte() {
    expect(
      .partialByte(file: Self.name, tensor: "a", bitCount: 12),
      Bytes.file("{" + Bytes.record("a", "F4", [3], 0, 1) + "}", data: [0]))
    expect(
      .partialByte(file: Self.name, tensor: "a", bitCount: 18),
      Bytes.file("{" + Bytes.record("a", "F6_E2M3", [3], 0, 2) + "}", data: [0, 0]))
  }

  // MARK: Ranges

  @Test func aRangeThatRunsBackwardsIsRefused() {
    expect(
      .rangeReversed(file: Self.name, tensor: "a", begin: 4, end: 0),
      Bytes.file("{" + Bytes.record("a", "U8", [4], 4, 0) + "}", data: [0, 0, 0, 0]))
  }

  @Test func aRangePastTheEndIsRefused() {
    expect(
      .rangePastEnd(file: Self.name, tensor: "b", end: 8, available: 7),
      Bytes.file(
        "{" + Bytes.record("a", "U8", [4], 0, 4) + "," + Bytes.record("b", "F32", [1], 4, 8) + "}",
        data: [UInt8](repeating: 0, count: 7)))
    expect(
      .rangePastEnd(file: Self.name, tensor: "a", end: 1 << 50, available: 1),
      Bytes.file("{" + Bytes.record("a", "U8", [1 << 50], 0, 1 << 50) + "}", data: [0]))
  }

  @Test(arguments: [(3, 4), (5, 4)])
  func aByteCountThatDoesNotMatchTheShapeIsRefused(elementCount: Int, byteCount: Int) {
    expect(
      .wrongByteCount(file: Self.name, tensor: "a", expected: elementCount, found: byteCount),
      Bytes.file(
        "{" + Bytes.record("a", "U8", [elementCount], 0, byteCount) + "}",
        data: [UInt8](repeating: 0, count: byteCount)))
  }

  @Test func overlappingTensorsAreRefused() {
    let data = [UInt8](repeating: 0, count: 6)
    let header = "{" + Bytes.record("b", "U8", [3], 3, 6) + "," + Bytes.record("a", "U8", [4], 0, 4) + "}"
    expect(.overlap(file: Self.name, tensor: "b", with: "a"), Bytes.file(header, data: data))
    let same = "{" + Bytes.record("a", "U8", [6], 0, 6) + "," + Bytes.record("b", "U8", [6], 0, 6) + "}"
    let error = #expect(throws: SafetensorsError.self) { try parse(Bytes.file(same, data: data)) }
    guard case .overlap = error else { Issue.record("\(String(describing: error))"); return }
    let inside = "{" + Bytes.record("a", "U8", [6], 0, 6) + "," + Bytes.record("none", "U8", [0], 2, 2) + "}"
    expect(.overlap(file: Self.name, tensor: "none", with: "a"), Bytes.file(inside, data: data))
  }

  @Test func holesAreRefused() {
    let first = "{" + Bytes.record("a", "U8", [4], 2, 6) + "}"
    expect(.hole(file: Self.name, before: "a", byteCount: 2), Bytes.file(first, data: [0, 0, 0, 0, 0, 0]))
    let middle = "{" + Bytes.record("a", "U8", [1], 0, 1) + "," + Bytes.record("b", "U8", [1], 4, 5) + "}"
    expect(.hole(file: Self.name, before: "b", byteCount: 3), Bytes.file(middle, data: [0, 0, 0, 0, 0]))
  }

  @Test func bytesAfterTheLastTensorAreRefused() {
    expect(
      .trailingBytes(file: Self.name, byteCount: 2),
      Bytes.file("{" + Bytes.record("a", "U8", [1], 0, 1) + "}", data: [0, 0, 0]))
    expect(.trailingBytes(file: Self.name, byteCount: 1), Bytes.file("{}", data: [0]))
  }

  // MARK: Everything

  @Test func truncationAtAnyLengthIsRefused() throws {
    let whole = Bytes.tensors([("a", 5), ("b", 7)])
    #expect(try parse(whole).tensors.count == 2)
    for count in 0..<whole.count {
      #expect(throws: SafetensorsError.self, "\(count) bytes") { try parse(Array(whole[..<count])) }
    }
  }

  /// A changed file is refused, or still tiles its data; nothing traps.
  @Test func changedBytesNeverTrap() {
    let whole = Bytes.tensors([("a", 5), ("b", 7), ("c", 0)])
    var random = SplitMix64(seed: 1), acceptedCount = 0
    for _ in 0..<20_000 {
      var bytes = whole
      for _ in 0...random.next() % 3 {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      guard let file = try? parse(bytes) else { continue }
      acceptedCount += 1
      #expect(file.tensors.reduce(0) { $0 + $1.byteRange.count } == 12)
    }
    #expect(acceptedCount > 0 && acceptedCount < 20_000)
  }

  /// Checks that `bytes` are refused with exactly `expected`.
  @discardableResult
  private func expect(
    _ expected: SafetensorsError, _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
  ) -> SafetensorsError? {
    #expect(throws: expected, sourceLocation: sourceLocation) { try parse(bytes) }
  }
}
