import Diagnostics

extension SafetensorsError: Diagnosable {
  public var diagnosis: Diagnosis {
    switch self {
    case .fileTooShort(let file, let byteCount):
      Self.malformed(
        "file-too-short", "the file is too short to be a safetensors file", file,
        "it has \(byteCount) bytes; the length of the header alone takes 8")
    case .pointerFile(let file):
      Self.malformed(
        "pointer-file", "this is a Git LFS pointer, not the weights", file, "the clone was made without Git LFS",
        fix: "run git lfs pull in the checkpoint's folder")
    case .headerOverLimit(let file, let declared, let limit):
      Self.malformed(
        "header-over-limit", "the header claims to be longer than a header may be", file,
        "it declares \(declared) bytes, the limit is \(limit)", fix: "check that this is a safetensors file")
    case .headerPastEnd(let file, let declared, let available):
      Self.malformed(
        "header-past-end", "the header is longer than the file", file,
        "it declares \(declared) bytes, \(available) follow", fix: "fetch the file again: it is cut short")
    case .headerNotAnObject(let file, let firstByte):
      Self.malformed(
        "header-not-an-object", "the header does not begin with `{`", file,
        firstByte.map { "it begins with byte 0x" + String($0, radix: 16) } ?? "it is empty")
    case .headerNotUTF8(let file, let offset):
      Self.malformed(
        "header-not-utf8", "the header is not UTF-8", "\(file), byte \(offset)", "the bytes from here on do not decode")
    case .headerNotJSON(let file, let reason):
      Self.malformed("header-not-json", "the header is not valid JSON", file, reason)
    case .duplicateKey(let file, let reason):
      Self.malformed(
        "duplicate-key", "a name occurs twice", file, "\(reason); readers disagree about which one counts",
        fix: "write the file again with every name once")
    case .metadataNotAnObject(let file, let found):
      Self.malformed(
        "metadata-not-an-object", "the metadata is not an object", "\(file), `__metadata__`", "it is \(found)")
    case .metadataNotText(let file, let key, let found):
      Self.malformed(
        "metadata-not-text", "a metadata value is not a text", "\(file), `__metadata__`, `\(key)`", "it is \(found)")
    case .tooManyTensors(let file, let count, let limit):
      Self.malformed("too-many-tensors", "the file holds too many tensors", file, "\(count), the limit is \(limit)")
    case .nameTooLong(let file, let nameStart, let byteCount, let limit):
      Self.malformed(
        "name-too-long", "the name of a tensor is too long", "\(file), tensor `\(nameStart)…`",
        "it has \(byteCount) bytes, the limit is \(limit)")
    case .recordNotAnObject(let file, let tensor, let found):
      Self.malformed("record-not-an-object", "a tensor is not described by an object", file, tensor, "it is \(found)")
    case .fieldMissing(let file, let tensor, let field):
      Self.malformed("field-missing", "a tensor's description lacks a field", file, tensor, "there is no `\(field)`")
    case .fieldOfWrongKind(let file, let tensor, let field, let expected, let found):
      Self.malformed(
        "field-of-wrong-kind", "a field of a tensor's description is of the wrong kind", file, tensor,
        "`\(field)` has to be \(expected) and is \(found)")
    case .unknownType(let file, let tensor, let type):
      Diagnosis(
        code: "safetensors.unknown-type", what: "a tensor has an unknown element type",
        place: "\(file), tensor `\(tensor)`",
        why: "`\(type)` is none of \(SafetensorsType.allCases.map(\.rawValue).joined(separator: ", "))",
        fix: "store the weights as F32, F16 or BF16", status: .unsupported)
    case .invalidDimension(let file, let tensor, let found):
      Self.malformed(
        "invalid-dimension", "a dimension is not a count", file, tensor, "it is \(found), not a whole number from 0 up")
    case .invalidOffset(let file, let tensor, let found):
      Self.malformed(
        "invalid-offset", "a data offset is not a count", file, tensor, "it is \(found), not a whole number from 0 up")
    case .elementCountOverflow(let file, let tensor, let dimensions):
      Self.malformed(
        "element-count-overflow", "a tensor is too large to count", file, tensor,
        "its dimensions are \(dimensions.map(String.init).joined(separator: " × "))")
    case .partialByte(let file, let tensor, let bitCount):
      Self.malformed(
        "partial-byte", "a tensor does not end on a whole byte", file, tensor, "it has \(bitCount) bits")
    case .typeNotReadable(let file, let tensor, let type):
      Diagnosis(
        code: "safetensors.type-not-readable", what: "a weight has an element type that is not read",
        place: "\(file), tensor `\(tensor)`", why: "it is \(type.rawValue); weights are F32, F16 or BF16",
        fix: "convert the checkpoint to one of these types", status: .unsupported)
    case .rangeReversed(let file, let tensor, let begin, let end):
      Self.malformed("range-reversed", "a tensor ends before it begins", file, tensor, "from \(begin) to \(end)")
    case .rangePastEnd(let file, let tensor, let end, let available):
      Self.malformed(
        "range-past-end", "a tensor lies beyond the end of the file", file, tensor,
        "it ends at data byte \(end), there are \(available)", fix: "fetch the file again: it is cut short")
    case .wrongByteCount(let file, let tensor, let expected, let found):
      Self.malformed(
        "wrong-byte-count", "a tensor's bytes do not match its shape", file, tensor,
        "its shape and type take \(expected) bytes, it has \(found)")
    case .overlap(let file, let tensor, let other):
      Self.malformed("overlap", "two tensors share bytes", file, tensor, "it begins inside `\(other)`")
    case .hole(let file, let tensor, let byteCount):
      Self.malformed("hole", "bytes belong to no tensor", file, tensor, "\(byteCount) bytes before it are unused")
    case .trailingBytes(let file, let byteCount):
      Self.malformed(
        "trailing-bytes", "bytes follow the last tensor", file, "\(byteCount) bytes at the end belong to no tensor")
    }
  }

  private static func malformed(
    _ code: String, _ what: String, _ file: String, _ tensor: String, _ why: String, fix: String? = nil
  ) -> Diagnosis {
    malformed(code, what, "\(file), tensor `\(tensor)`", why, fix: fix)
  }

  private static func malformed(
    _ code: String, _ what: String, _ place: String, _ why: String, fix: String? = nil
  ) -> Diagnosis {
    Diagnosis(
      code: "safetensors.\(code)", what: what, place: place, why: why,
      fix: fix ?? "the file is damaged or was written wrongly; fetch or make it again", status: .malformedInput)
  }
}
