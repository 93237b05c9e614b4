import ByteIO
import Synchronization
import TensorCore

/// A pack opened for reading (docs/format.md §6).
///
/// Opening checks everything but the weights. A section of weights is checked when its bytes are first asked for, so that
/// opening takes the same time for any size. The file may not be changed while a reader exists.
public final class PackReader: Sendable {
  /// What the pack was opened by, for messages.
  public let path: String
  public let manifest: PackManifest
  /// Every parameter with its place, in the order of the manifest.
  public let parameters: [PlacedParameter]
  /// The text form of the computation.
  public let graphText: String
  /// Serialized tokenizer tables, if the pack has a tokenizer.
  public let tokenizer: [UInt8]?
  public let chatTemplate: String?
  /// The digest of each source of the manifest, in its order.
  public let sourceDigests: [SHA256Digest]
  /// What the pack was measured to cost; empty when it was not.
  public let accuracy: [AccuracyRecord]

  private let file: any ReadableBytes
  private let table: SectionTable
  private let parameterIndex: [String: Int]
  /// Parameters of each section, as a range of `parameters`.
  private let members: [Range<Int>]
  private let isVerified: Mutex<[Bool]>
  /// For sections that are loaded.
  private let pool = PagePool()

  /// Maps and opens the pack at `path`.
  /// - Throws: the first rule of docs/format.md §7 that the file breaks; `file` when it cannot be mapped.
  public convenience init(path: String) throws(PackFileError) {
    let file: MappedFile
    do throws(ByteIOError) {
      file = try MappedFile(path: path)
    } catch {
      throw PackFileError(path: path, fact: .file(error))
    }
    try self.init(file, path: path)
  }

  /// Opens a pack that lies in `file`, from its first byte to its last.
  /// - Parameter path: what to call it in messages.
  public init(_ file: any ReadableBytes, path: String) throws(PackFileError) {
    do throws(PackFormatError) {
      let image = try PackImage(file)
      let manifest = try image.manifest()
      self.file = file
      self.path = path
      self.manifest = manifest.value
      table = image.table
      parameters = manifest.parameters
      graphText = try image.text(.graph) ?? ""
      tokenizer = try image.content(of: .tokenizer)
      chatTemplate = try image.text(.chatTemplate)
      sourceDigests = try image.sourceDigests(count: manifest.value.sources.count)
      accuracy = try image.accuracy()
      members = Self.members(manifest.parameters, sectionCount: image.table.sections.count)
      parameterIndex = Dictionary(
        uniqueKeysWithValues: manifest.parameters.enumerated().map { ($1.parameter.name, $0) })
      isVerified = Mutex(image.table.sections.map { $0.kind != .parameters })
    } catch {
      throw PackFileError(path: path, fact: error)
    }
  }

  /// Bytes of the whole file.
  public var byteCount: Int { file.byteCount }

  public var sections: [PackSection] { table.sections }

  public func parameter(named name: String) -> PlacedParameter? { parameterIndex[name].map { parameters[$0] } }

  /// The encoded value of a parameter of this reader, in place. Its section is verified if it was not yet.
  /// - Throws: `sectionChecksum`, `paddingNotZero`.
  public func bytes(of parameter: PlacedParameter) throws(PackFileError) -> ByteSlice {
    try verify(section: parameter.placement.section)
    return unverifiedBytes(of: parameter)
  }

  /// The encoded value of a parameter of this reader, in place, whether or not its section was verified: for a caller
  /// that verifies the section itself before the first use.
  public func unverifiedBytes(of parameter: PlacedParameter) -> ByteSlice {
    let start = table.sections[parameter.placement.section].offset + parameter.placement.offset
    return ByteSlice(file, start..<start + parameter.placement.byteCount)
  }

  /// Checks a section's bytes and the padding inside and after it. Does nothing for one that was verified.
  ///
  /// May be called by several threads at once.
  /// - Parameter releasing: whether to drop the section's pages on the way, so that none stay resident.
  /// - Throws: `sectionChecksum`, `paddingNotZero`.
  public func verify(section index: Int, releasing: Bool = false) throws(PackFileError) {
    if isVerified.withLock({ $0[index] }) { return }
    let section = table.sections[index]
    let checksum =
      releasing
      ? Checksum.xxh3(ByteSlice(file, section.range), 0..<section.storedByteCount)
      : file.withBytes(section.range) { Checksum.xxh3($0) }
    try check(section: index, checksum: checksum, file, from: 0)
    isVerified.withLock { $0[index] = true }
  }

  /// Where the bytes of a section and the padding after it lie: what ``load(section:)`` reads.
  private func rangeToLoad(section index: Int) -> Range<Int> {
    table.sections[index].offset..<table.padding(after: index).upperBound
  }

  /// The memory that a section takes once it is loaded.
  public func memoryByteCount(ofSection index: Int) -> Int {
    PageBuffer.memoryByteCount(of: rangeToLoad(section: index).count)
  }

  /// Reads a section into memory of its own, and checks what was read as ``verify(section:releasing:)`` does. Nothing
  /// is taken from an earlier check: the bytes that were checked are those that are returned.
  ///
  /// May be called by several threads at once.
  /// - Throws: `sectionUnreadable`, `sectionChecksum`, `paddingNotZero`.
  public func load(section index: Int) throws(PackFileError) -> LoadedSection {
    let section = table.sections[index], range = rangeToLoad(section: index)
    let bytes: PageBuffer
    do throws(ByteIOError) {
      bytes = try PageBuffer(reading: range, of: file, pool: pool)
    } catch {
      throw PackFileError(path: path, fact: .sectionUnreadable(index, section.kind, error))
    }
    let checksum = bytes.withBytes(0..<section.storedByteCount) { Checksum.xxh3($0) }
    try check(section: index, checksum: checksum, bytes, from: range.lowerBound)
    return LoadedSection(index: index, bytes: bytes)
  }

  /// - Parameters:
  ///   - checksum: that of the section's bytes.
  ///   - bytes: those of the file from `start` on, as far as the padding after the section at least.
  private func check(
    section index: Int, checksum: UInt64, _ bytes: any ByteStorage, from start: Int
  ) throws(PackFileError) {
    let section = table.sections[index]
    do throws(PackFormatError) {
      guard checksum == section.checksum else { throw .sectionChecksum(index, section.kind) }
      for gap in gaps(inside: index) { try Padding.check(bytes, gap, from: start) }
      try Padding.check(bytes, table.padding(after: index), from: start)
    } catch {
      throw PackFileError(path: path, fact: error)
    }
  }

  /// Verifies every section, front to back.
  /// - Parameter releasing: whether to drop the pages on the way, so that none stay resident.
  /// - Throws: what `verify(section:)` does, for the first section that fails.
  public func verifyAll(releasing: Bool = true) throws(PackFileError) {
    for index in table.sections.indices { try verify(section: index, releasing: releasing) }
  }

  /// Starts reading a section from the disk ahead of its use, where the pack is a mapped file.
  public func prefetch(section index: Int) { (file as? MappedFile)?.prefetch(table.sections[index].range) }

  /// Drops a section's pages from the resident set. They are read again when touched.
  public func release(section index: Int) { file.release(table.sections[index].range) }

  /// The padding between the parameters of a section.
  private func gaps(inside index: Int) -> [Range<Int>] {
    let start = table.sections[index].offset
    return members[index].dropFirst().map { next in
      start + parameters[next - 1].placement.end..<start + parameters[next].placement.offset
    }
  }

  private static func members(_ parameters: [PlacedParameter], sectionCount: Int) -> [Range<Int>] {
    var members = [Range<Int>](repeating: 0..<0, count: sectionCount)
    for (index, item) in parameters.enumerated() {
      let section = item.placement.section
      members[section] = (members[section].isEmpty ? index : members[section].lowerBound)..<index + 1
    }
    return members
  }
}

/// A section of weights in memory of its own, checked.
public struct LoadedSection: Sendable {
  /// Index into the section table.
  public let index: Int

  fileprivate let bytes: PageBuffer

  /// The encoded value of a parameter that lies in this section of the reader which loaded it.
  public func bytes(of parameter: PlacedParameter) -> ByteSlice {
    precondition(parameter.placement.section == index)
    return ByteSlice(bytes, parameter.placement.offset..<parameter.placement.end)
  }
}
