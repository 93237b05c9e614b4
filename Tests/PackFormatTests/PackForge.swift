import ByteIO

/// Makes packs no writer would make, with checksums that fit, from docs/format.md alone.
struct PackForge {
  var version: UInt32 = 1
  var headerReserved = [UInt8](repeating: 0, count: 44)
  var sections: [Section]
  /// Bytes between the last section's padding and the table.
  var beforeTable: [UInt8] = []
  /// Written in place of the right values.
  var tableOffset: UInt64?
  var tableByteCount: UInt64?
  var fileByteCount: UInt64?
  var footerReserved = [UInt8](repeating: 0, count: 16)

  struct Section {
    var kind: UInt32
    var compression: UInt32
    var alignment: UInt32
    var reserved: UInt32 = 0
    var stored: [UInt8]
    var rawByteCount: UInt64
    /// Written in place of the right values; the bytes stay where they belong.
    var offset: UInt64?
    var storedByteCount: UInt64?

    /// An uncompressed section.
    init(kind: UInt32, _ stored: [UInt8], alignment: UInt32 = 64) {
      self.kind = kind
      compression = 0
      self.alignment = alignment
      self.stored = stored
      rawByteCount = UInt64(stored.count)
    }
  }

  /// Takes a valid pack apart.
  init(_ pack: [UInt8]) throws {
    let footer = pack.count - 64
    let table = Int(Self.u64(pack, footer)), tableByteCount = Int(Self.u64(pack, footer + 8))
    sections = stride(from: table, to: table + tableByteCount, by: 48).map { entry in
      let offset = Int(Self.u64(pack, entry + 16)), count = Int(Self.u64(pack, entry + 24))
      var section = Section(
        kind: Self.u32(pack, entry), Array(pack[offset..<offset + count]), alignment: Self.u32(pack, entry + 8))
      section.compression = Self.u32(pack, entry + 4)
      section.rawByteCount = Self.u64(pack, entry + 32)
      return section
    }
  }

  /// Puts it together.
  var bytes: [UInt8] {
    var file: [UInt8] = [0x89, 0x53, 0x57, 0x41, 0x47, 0x45, 0x0D, 0x0A] + Self.little(version) + headerReserved
    file += Self.little(Checksum.xxh3(file.span))
    var table: [UInt8] = []
    for section in sections {
      Self.pad(&file, to: max(1, Int(section.alignment)))
      table += Self.little(section.kind) + Self.little(section.compression) + Self.little(section.alignment)
      table += Self.little(section.reserved) + Self.little(section.offset ?? UInt64(file.count))
      table += Self.little(section.storedByteCount ?? UInt64(section.stored.count))
      table += Self.little(section.rawByteCount) + Self.little(Checksum.xxh3(section.stored.span))
      file += section.stored
    }
    Self.pad(&file, to: 64)
    file += beforeTable
    let footerOffset = file.count + (table.count + 63) / 64 * 64
    var footer = Self.little(tableOffset ?? UInt64(file.count)) + Self.little(tableByteCount ?? UInt64(table.count))
    footer += Self.little(Checksum.xxh3(table.span)) + Self.little(fileByteCount ?? UInt64(footerOffset + 64))
    footer += footerReserved
    footer += Self.little(Checksum.xxh3(footer.span)) + Array("SWAGEEND".utf8)
    file += table
    Self.pad(&file, to: 64)
    return file + footer
  }

  /// Where section `index` begins in `bytes`.
  func offset(of index: Int) -> Int {
    var end = 64
    for section in sections[..<index] { end = Self.up(end, Int(section.alignment)) + section.stored.count }
    return Self.up(end, Int(sections[index].alignment))
  }

  mutating func replace(kind: UInt32, by stored: [UInt8]) {
    for index in sections.indices where sections[index].kind == kind { sections[index] = Section(kind: kind, stored) }
  }

  static func u32(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) }
  }

  static func u64(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
  }

  static func little<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) -> [UInt8] {
    (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  static func up(_ offset: Int, _ alignment: Int) -> Int { (offset + alignment - 1) / alignment * alignment }

  private static func pad(_ bytes: inout [UInt8], to alignment: Int) {
    bytes += [UInt8](repeating: 0, count: up(bytes.count, alignment) - bytes.count)
  }
}
