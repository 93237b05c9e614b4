import ByteIO

/// Where every byte of a pack goes: the one source of a plan's size prediction and of what the writer does.
///
/// It follows docs/format.md §5.1 from shapes and encodings alone.
public struct PackLayout: Sendable {
  public let contents: PackContents
  /// One per parameter of the manifest, in its order.
  public let placements: [ParameterPlacement]

  /// Manifest to provenance. The checksums of parameter sections and provenance are not known yet and zero.
  let sections: [PackSection]
  /// The stored bytes of the sections before the parameters.
  let leadingPayloads: [[UInt8]]

  /// - Throws: `manifestValue`, `parameterDuplicate`, `parameterShape`, `sourceDuplicate` for a manifest that no reader
  ///   would accept, `sectionEmpty`, `sectionTooLong`, `sectionCount`, and `file` when LZ4 has no memory.
  public init(_ contents: PackContents) throws(PackFormatError) {
    try ManifestRules.check(contents.manifest)
    let leadingCount = 2 + (contents.tokenizer == nil ? 0 : 1) + (contents.chatTemplate == nil ? 0 : 1)
    let parameters = contents.manifest.parameters
    let placements = PlacementRule.placements(of: parameters, firstSection: leadingCount)

    var builder = SectionBuilder()
    try builder.appendBytes(.manifest, ManifestCoding.encode(contents.manifest, placements))
    try builder.appendBytes(.graph, Array(contents.graphText.utf8))
    if let tokenizer = contents.tokenizer { try builder.appendBytes(.tokenizer, tokenizer) }
    if let template = contents.chatTemplate { try builder.appendBytes(.chatTemplate, Array(template.utf8)) }
    for (index, placement) in placements.enumerated() {
      let isLast = index + 1 == placements.count || placements[index + 1].section != placement.section
      if isLast {
        builder.appendParameters(isExpert: PlacementRule.isExpert(parameters[index]), byteCount: placement.end)
      }
    }
    builder.append(.provenance, byteCount: contents.manifest.sources.count * SHA256Digest.byteCount)
    // One more place is kept for the accuracy section.
    guard builder.sections.count < SectionTable.countRange.upperBound else {
      throw .sectionCount(builder.sections.count + 1)
    }

    self.contents = contents
    self.placements = placements
    sections = builder.sections
    leadingPayloads = builder.payloads
  }

  /// Bytes of the whole file, exactly.
  /// - Parameter accuracyTextNames: the text of each accuracy record that will be written; none for no such section.
  public func byteCount(accuracyTextNames: [String] = []) -> Int {
    var builder = SectionBuilder(sections: sections)
    if !accuracyTextNames.isEmpty {
      builder.append(.accuracy, byteCount: AccuracySection.byteCount(textNames: accuracyTextNames))
    }
    return SectionTable(builder.sections).fileByteCount
  }
}

/// Lays sections one behind another.
struct SectionBuilder {
  private(set) var sections: [PackSection] = []
  private(set) var payloads: [[UInt8]] = []

  init(sections: [PackSection] = []) { self.sections = sections }

  /// A section whose bytes are known, compressed where that makes it smaller.
  mutating func appendBytes(_ kind: SectionKind, _ raw: [UInt8]) throws(PackFormatError) {
    let index = sections.count
    guard !raw.isEmpty else { throw .sectionEmpty(index, kind) }
    guard raw.count <= kind.byteLimit else {
      throw .sectionTooLong(index, kind, byteCount: raw.count, limit: kind.byteLimit)
    }
    let frame: [UInt8]
    do throws(ByteIOError) { frame = try LZ4Frame.compress(raw.span) } catch { throw .file(error) }
    let isSmaller = frame.count < raw.count
    let stored = isSmaller ? frame : raw
    append(
      kind, compression: isSmaller ? .lz4 : .none, byteCount: stored.count, rawByteCount: raw.count,
      checksum: Checksum.xxh3(stored.span))
    payloads.append(stored)
  }

  mutating func appendParameters(isExpert: Bool, byteCount: Int) {
    append(
      .parameters, alignment: PlacementRule.alignment(isExpert: isExpert, byteCount: byteCount), byteCount: byteCount)
  }

  mutating func append(
    _ kind: SectionKind, compression: SectionCompression = .none, alignment: Int = PackSection.smallAlignment,
    byteCount: Int, rawByteCount: Int? = nil, checksum: UInt64 = 0
  ) {
    let end = sections.last?.range.upperBound ?? FileHeader.byteCount
    sections.append(
      PackSection(
        kind: kind, compression: compression, alignment: alignment, offset: aligned(end, to: alignment),
        storedByteCount: byteCount, rawByteCount: rawByteCount ?? byteCount, checksum: checksum))
  }
}
