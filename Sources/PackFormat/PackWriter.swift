import ByteIO
import TensorCore

/// Writes a pack front to back as its layout says (docs/format.md §5).
///
/// The order of calls: `append` once per parameter, `finishDraft`, perhaps `mapped` and `record`, then `commit`. Calls
/// out of order or of the wrong length are defects of the caller and trap. A writer that is dropped leaves no file.
public final class PackWriter {
  private let layout: PackLayout
  private let file: AtomicFileWriter
  /// Complete up to what was written.
  private var sections: [PackSection] = []
  private var nextParameter = 0
  private var checksum = RunningChecksum()
  private var draft: SectionTable?

  /// Writes header, manifest, graph, tokenizer and chat template.
  /// - Parameter file: nothing may have been written to it.
  /// - Throws: `diskFull`, `writeFailed`.
  public init(_ layout: PackLayout, to file: AtomicFileWriter) throws(ByteIOError) {
    precondition(file.position == 0)
    self.layout = layout
    self.file = file
    try file.append(FileHeader.bytes.span)
    for (section, payload) in zip(layout.sections, layout.leadingPayloads) {
      try file.align(to: section.alignment)
      try file.append(payload.span)
      sections.append(section)
    }
  }

  /// Writes the next parameter of the manifest. Its pages are dropped on the way, so it may be larger than memory.
  /// - Parameter payload: the encoded value, of exactly the parameter's byte count.
  /// - Throws: `diskFull`, `writeFailed`.
  public func append(_ payload: any ByteStorage) throws(ByteIOError) {
    precondition(nextParameter < layout.placements.count, "all parameters were written")
    let placement = layout.placements[nextParameter]
    precondition(payload.byteCount == placement.byteCount, "a payload of the wrong length")
    let section = layout.sections[placement.section]
    if placement.offset == 0, sections.count == placement.section {
      try file.align(to: section.alignment)
      checksum = RunningChecksum()
    }
    try appendInside([UInt8](repeating: 0, count: section.offset + placement.offset - file.position).span)
    try payload.forEachChunk(of: 0..<payload.byteCount) { bytes throws(ByteIOError) in try appendInside(bytes) }
    nextParameter += 1
    let isLast =
      nextParameter == layout.placements.count
      || layout.placements[nextParameter].section != placement.section
    if isLast { sections.append(section.with(checksum: checksum.value)) }
  }

  /// Writes the digests of the source files, the table and the footer: what is written is a whole pack now.
  /// - Parameter digests: one per source of the manifest, in its order.
  /// - Throws: `diskFull`, `writeFailed`.
  public func finishDraft(sourceDigests digests: [SHA256Digest]) throws(ByteIOError) {
    precondition(nextParameter == layout.placements.count, "parameters are missing")
    precondition(digests.count == layout.contents.manifest.sources.count && draft == nil)
    try append(layout.sections[sections.count], digests.flatMap(\.bytes))
    try finish()
  }

  /// The draft, mapped for reading. It may not be read any more once `record` is called.
  /// - Throws: `readFailed`.
  public func mapped() throws(ByteIOError) -> MappedFile {
    precondition(draft != nil, "there is no draft")
    return try file.mapped()
  }

  /// Adds what the draft was measured to cost. May be called once.
  /// - Throws: `accuracyMalformed` or `accuracyValue` for records no reader would accept, before anything is written;
  ///   `file` with `diskFull` or `writeFailed`.
  public func record(_ records: [AccuracyRecord]) throws(PackFormatError) {
    guard let draft, sections.last?.kind == .provenance else { preconditionFailure("there is no draft to measure") }
    let bytes = try AccuracySection.encode(records)
    var builder = SectionBuilder(sections: sections)
    builder.append(.accuracy, byteCount: bytes.count)
    do throws(ByteIOError) {
      try file.truncate(to: draft.offset)
      try append(builder.sections[sections.count], bytes)
      try finish()
    } catch {
      throw .file(error)
    }
  }

  /// Makes the file durable and gives it its name.
  /// - Throws: what `AtomicFileWriter.commit` does.
  public func commit() throws(ByteIOError) {
    precondition(draft?.fileByteCount == file.position, "the pack is not finished")
    try file.commit()
  }

  private func appendInside(_ bytes: Span<UInt8>) throws(ByteIOError) {
    checksum.update(bytes)
    try file.append(bytes)
  }

  private func append(_ section: PackSection, _ bytes: [UInt8]) throws(ByteIOError) {
    precondition(section.storedByteCount == bytes.count)
    try file.align(to: section.alignment)
    try file.append(bytes.span)
    sections.append(section.with(checksum: Checksum.xxh3(bytes.span)))
  }

  private func finish() throws(ByteIOError) {
    let table = SectionTable(sections)
    try file.align(to: PackSection.smallAlignment)
    try file.append(table.bytesWithFooter.span)
    draft = table
  }
}
