import ByteIO
import Diagnostics

extension PackFileError: Diagnosable {
  /// The diagnosis of the fact, with the file in front of the place.
  public var diagnosis: Diagnosis {
    let inner = fact.diagnosis
    if case .file = fact { return inner }
    return Diagnosis(
      code: inner.code, what: inner.what, place: "\(path), \(inner.place)", why: inner.why, fix: inner.fix,
      status: inner.status)
  }
}

extension PackFormatError: Diagnosable {
  public var diagnosis: Diagnosis {
    switch self {
    case .notAPack:
      Self.refusal(
        "not-a-pack", "this is not a packed file", "the header", "it does not begin with the mark of a packed file",
        fix: "name a file that `swage compile` wrote")
    case .newerVersion(let found, let supported):
      Self.refusal(
        "newer-version", "the packed file is of a newer version", "the header",
        "it has format version \(found), this program reads version \(supported)",
        fix: "use a newer release, or compile the checkpoint again with this one", status: .unsupported)
    case .unknownVersion(let found):
      Self.refusal("unknown-version", "the format version does not exist", "the header", "it is \(found)")
    case .tooShort(let byteCount):
      Self.refusal(
        "too-short", "the packed file is incomplete", "the end of the file",
        "\(byteCount) bytes cannot hold a header, a section table and a footer")
    case .headerChecksum:
      Self.refusal("header-checksum", "the header is damaged", "the header", Self.mismatch)
    case .truncated(let byteCount):
      Self.refusal(
        "truncated", "the packed file is incomplete", "the end of the file",
        "its \(byteCount) bytes do not end with a footer")
    case .footerChecksum:
      Self.refusal("footer-checksum", "the footer is damaged", "the footer", Self.mismatch)
    case .fileLength(let declared, let found):
      Self.refusal(
        "file-length", "the packed file has the wrong length", "the footer",
        "it declares \(declared) bytes, the file has \(found)")
    case .reservedNotZero(let offset, let found):
      Self.refusal("reserved-not-zero", "a reserved byte is not zero", "byte \(offset)", "it is \(found)")
    case .numberTooLarge(let offset, let found):
      Self.refusal("number-too-large", "an offset or a length is too large", "byte \(offset)", "it is \(found)")
    case .tablePlace(let offset, let byteCount):
      Self.refusal(
        "table-place", "the section table is not where it belongs", "the footer",
        "\(byteCount) bytes at \(offset) do not end where the footer begins, or are no whole entries")
    case .sectionCount(let count):
      Self.refusal(
        "section-count", "the number of sections is out of range", "the footer",
        "there are \(count), allowed are \(SectionTable.countRange)")
    case .tableChecksum:
      Self.refusal("table-checksum", "the section table is damaged", "the section table", Self.mismatch)
    case .paddingNotZero(let offset):
      Self.refusal("padding-not-zero", "a padding byte is not zero", "byte \(offset)", "padding has one value only")
    case .sectionKind(let index, let found):
      Self.refusal("section-kind", "a section is of an unknown kind", Self.section(index), "its kind is \(found)")
    case .sectionOrder(let index, let kind, let previous):
      Self.refusal(
        "section-order", "the sections are out of order", Self.section(index, kind),
        "\(kind.name) may not follow \(previous.name)")
    case .sectionDuplicate(let index, let kind):
      Self.refusal(
        "section-duplicate", "a section occurs twice", Self.section(index, kind), "a pack has one \(kind.name) section")
    case .sectionMissing(let kind):
      Self.refusal(
        "section-missing", "a section is missing", "the section table", "every pack has a \(kind.name) section")
    case .sectionCompression(let index, let kind, let found):
      Self.refusal(
        "section-compression", "a section's compression is not possible", Self.section(index, kind),
        "compression \(found) is unknown or not allowed for this kind")
    case .sectionAlignment(let index, let kind, let found):
      Self.refusal(
        "section-alignment", "a section's alignment is not possible", Self.section(index, kind),
        "\(found) is unknown or not allowed for this kind")
    case .sectionMisaligned(let index, let offset, let alignment):
      Self.refusal(
        "section-misaligned", "a section is not aligned", Self.section(index),
        "it begins at \(offset), which is not a multiple of \(alignment)")
    case .sectionOverlap(let index, let offset, let end):
      Self.refusal(
        "section-overlap", "a section overlaps what precedes it", Self.section(index),
        "it begins at \(offset), what precedes ends at \(end)")
    case .sectionGap(let index, let expected, let found):
      Self.refusal(
        "section-gap", "bytes belong to no section", Self.section(index),
        "what begins at \(found) should begin at \(expected)")
    case .sectionOutside(let index, let offset, let byteCount):
      Self.refusal(
        "section-outside", "a section reaches beyond the part of the file that holds sections", Self.section(index),
        "it has \(byteCount) bytes from \(offset)")
    case .sectionLength(let index, let kind, let stored, let raw):
      Self.refusal(
        "section-length", "a section's lengths contradict its compression", Self.section(index, kind),
        "\(stored) bytes are stored for \(raw)")
    case .sectionTooLong(let index, let kind, let byteCount, let limit):
      Self.refusal(
        "section-too-long", "a section is too long", Self.section(index, kind),
        "it has \(byteCount) bytes, the limit is \(limit)")
    case .sectionEmpty(let index, let kind):
      Self.refusal(
        "section-empty", "a section is empty", Self.section(index, kind), "this kind is left out when there is nothing")
    case .sectionChecksum(let index, let kind):
      Self.refusal("section-checksum", "a section is damaged", Self.section(index, kind), Self.mismatch)
    case .sectionDecompression(let index, let kind, let error):
      Self.refusal(
        "section-decompression", "a section does not decompress", Self.section(index, kind),
        "\(error.diagnosis.what): \(error.diagnosis.why)")
    case .textNotUTF8(let kind):
      Self.refusal("text-not-utf8", "a text is not valid UTF-8", "the \(kind.name) section", "its bytes do not decode")
    case .manifestMalformed:
      Self.refusal(
        "manifest-malformed", "the manifest does not decode", Self.manifest,
        "it is not the message it should be, or lacks a required field")
    case .manifestTooLarge(let limit):
      Self.refusal(
        "manifest-too-large", "the manifest decodes to too much memory", Self.manifest, "the limit is \(limit) bytes")
    case .manifestUnknownField:
      Self.refusal(
        "manifest-unknown-field", "the manifest has an unknown field", Self.manifest,
        "nothing is skipped, since it might matter")
    case .manifestNotCanonical:
      Self.refusal(
        "manifest-not-canonical", "the manifest is not in canonical form", Self.manifest,
        "its content encodes to other bytes")
    case .manifestValue(let field, let found, let allowed):
      Self.refusal(
        "manifest-value", "a field of the manifest is out of range", "\(Self.manifest), \(field)",
        "it is `\(found)`; allowed: \(allowed)")
    case .parameterDuplicate(let name):
      Self.refusal("parameter-duplicate", "two parameters have one name", Self.parameter(name), "names are distinct")
    case .sourceDuplicate(let name):
      Self.refusal("source-duplicate", "two source files have one name", "source file `\(name)`", "names are distinct")
    case .taskDuplicate(let name):
      Self.refusal("task-duplicate", "two tasks have one name", "task `\(name)`", "names are distinct")
    case .parameterEncoding(let name, let found):
      Self.refusal(
        "parameter-encoding", "a parameter's encoding is not known", Self.parameter(name), "it is `\(found)`")
    case .parameterShape(let name, let dimensions, let encoding):
      Self.refusal(
        "parameter-shape", "a parameter's dimensions are not possible", Self.parameter(name),
        "\(dimensions) cannot be held as \(encoding)")
    case .parameterByteCount(let name, let declared, let expected):
      Self.refusal(
        "parameter-byte-count", "a parameter has the wrong length", Self.parameter(name),
        "\(declared) bytes are declared, its encoding and dimensions need \(expected)")
    case .parameterSection(let name, let section):
      Self.refusal(
        "parameter-section", "a parameter lies in no parameter section", Self.parameter(name),
        "section \(section) is none")
    case .parameterPlace(let name, let section, let offset):
      Self.refusal(
        "parameter-place", "a parameter is not where it belongs", Self.parameter(name),
        "offset \(offset) of section \(section) does not continue the parameters before it, or lies outside")
    case .sectionUnused(let index, let offset):
      Self.refusal(
        "section-unused", "parameter bytes belong to no parameter", Self.section(index, .parameters),
        "nothing covers it from offset \(offset)")
    case .provenanceLength(let found, let sourceCount):
      Self.refusal(
        "provenance-length", "the source digests have the wrong length", "the provenance section",
        "\(found) bytes for \(sourceCount) source files of \(SHA256Digest.byteCount) each")
    case .accuracyMalformed:
      Self.refusal(
        "accuracy-malformed", "the measured accuracy does not decode", "the accuracy section",
        "it is not 1 to \(AccuracySection.recordCountRange.upperBound) whole records")
    case .accuracyValue(let field, let found):
      Self.refusal(
        "accuracy-value", "a figure of the measured accuracy is out of range", "the accuracy section, \(field)",
        "it is \(found)")
    case .sectionUnreadable(let index, let kind, let error):
      Self.refusal(
        "section-unreadable", "a section of the packed file cannot be read", Self.section(index, kind),
        "\(error.diagnosis.what): \(error.diagnosis.why)", fix: error.diagnosis.fix, status: error.diagnosis.status)
    case .file(let error):
      error.diagnosis
    }
  }

  private static let manifest = "the manifest"
  private static let mismatch = "its bytes do not match their checksum"

  private static func section(_ index: Int, _ kind: SectionKind? = nil) -> String {
    "section \(index)" + (kind.map { " (\($0.name))" } ?? "")
  }

  private static func parameter(_ name: String) -> String { "parameter `\(name)`" }

  private static func refusal(
    _ code: String, _ what: String, _ place: String, _ why: String,
    fix: String = "the file is damaged or was not written by swage: fetch it again, or compile it again",
    status: ExitStatus = .malformedInput
  ) -> Diagnosis {
    Diagnosis(code: "pack." + code, what: what, place: place, why: why, fix: fix, status: status)
  }
}
