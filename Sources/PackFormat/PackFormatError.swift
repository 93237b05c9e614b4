import ByteIO

/// The rules of docs/format.md §7, one case each. A leading number is a section's index, a leading name a parameter's.
public enum PackFormatError: Error, Equatable, Sendable {
  case notAPack
  case newerVersion(found: UInt32, supported: UInt32)
  case unknownVersion(found: UInt32)
  case tooShort(byteCount: Int)
  case headerChecksum
  case truncated(byteCount: Int)
  case footerChecksum
  case fileLength(declared: Int, found: Int)
  case reservedNotZero(at: Int, found: UInt8)
  case numberTooLarge(at: Int, found: UInt64)
  case tablePlace(offset: Int, byteCount: Int)
  case sectionCount(Int)
  case tableChecksum
  case paddingNotZero(at: Int)
  case sectionKind(Int, found: UInt32)
  case sectionOrder(Int, SectionKind, after: SectionKind)
  case sectionDuplicate(Int, SectionKind)
  case sectionMissing(SectionKind)
  case sectionCompression(Int, SectionKind, found: UInt32)
  case sectionAlignment(Int, SectionKind, found: UInt32)
  case sectionMisaligned(Int, offset: Int, alignment: Int)
  case sectionOverlap(Int, offset: Int, end: Int)
  case sectionGap(Int, expected: Int, found: Int)
  case sectionOutside(Int, offset: Int, byteCount: Int)
  case sectionLength(Int, SectionKind, stored: Int, raw: Int)
  case sectionTooLong(Int, SectionKind, byteCount: Int, limit: Int)
  case sectionEmpty(Int, SectionKind)
  case sectionChecksum(Int, SectionKind)
  case sectionDecompression(Int, SectionKind, ByteIOError)
  case textNotUTF8(SectionKind)
  case manifestMalformed
  case manifestTooLarge(limit: Int)
  case manifestUnknownField
  case manifestNotCanonical
  case manifestValue(field: String, found: String, allowed: String)
  case parameterDuplicate(String)
  case sourceDuplicate(String)
  case taskDuplicate(String)
  case parameterEncoding(String, found: String)
  case parameterShape(String, dimensions: [Int], encoding: String)
  case parameterByteCount(String, declared: Int, expected: Int)
  case parameterSection(String, section: Int)
  case parameterPlace(String, section: Int, offset: Int)
  case sectionUnused(Int, from: Int)
  case provenanceLength(found: Int, sourceCount: Int)
  case accuracyMalformed
  case accuracyValue(field: String, found: String)
  /// The bytes of a section could not be had.
  case sectionUnreadable(Int, SectionKind, ByteIOError)
  /// The file could not be opened or read at all.
  case file(ByteIOError)
}

/// A rule that a file breaks, with the file's path: what every reading function throws.
public struct PackFileError: Error, Equatable, Sendable {
  public let path: String
  public let fact: PackFormatError

  public init(path: String, fact: PackFormatError) {
    self.path = path
    self.fact = fact
  }
}
