import Glibc

/// A part of a file mapped for reading, unmapped with its owner.
///
/// `@unchecked Sendable`: the address never changes, and the mapping is read-only.
@safe final class FileMapping: @unchecked Sendable {
  let byteCount: Int
  private let base: UnsafeRawPointer?

  /// A page fault on a file brings in the pages of an aligned window of this size (the kernel's default
  /// `fault_around_bytes`), so this is also the unit in which pages have to be dropped to be rid of them. Where it
  /// brings in a huge page instead, dropping any part drops it all.
  private static let windowByteCount = 65_536

  /// Maps `byteCount` bytes from `offset`, a multiple of the page size. The file must reach that far before the bytes
  /// are read: touching a page beyond its end kills the process with SIGBUS.
  init(_ descriptor: borrowing OwnedDescriptor, offset: Int, byteCount: Int, path: String) throws(ByteIOError) {
    self.byteCount = byteCount
    guard byteCount > 0 else {
      unsafe base = nil
      return
    }
    let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor.number, offset)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw .readFailed(path: path, errorNumber: errno)
    }
    unsafe base = UnsafeRawPointer(address)
  }

  deinit {
    if let base = unsafe base { unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }
  }

  func withBytes<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
    let start = unsafe base.map { unsafe ($0 + range.lowerBound).assumingMemoryBound(to: UInt8.self) }
    return try body(unsafe UnsafeBufferPointer(start: start, count: range.count).span)
  }

  /// Drops the pages of `range` from the resident set, and what a fault inside it brought in around it. They are read
  /// again from the file when touched, so dropping a neighbour's page costs time and nothing else.
  func release(_ range: Range<Int>) { advise(range, MADV_DONTNEED) }

  /// Starts reading the pages of `range` from the disk.
  func prefetch(_ range: Range<Int>) { advise(range, MADV_WILLNEED) }

  /// Says that the mapping will be read from front to back.
  func adviseSequential() { advise(0..<byteCount, MADV_SEQUENTIAL) }

  /// Advice may be refused without harm, so the result is not looked at.
  private func advise(_ range: Range<Int>, _ advice: Int32) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
    guard !range.isEmpty, let base = unsafe base else { return }
    let start = UInt(bitPattern: base), window = UInt(Self.windowByteCount)
    let lower = max(start, (start + UInt(range.lowerBound)) / window * window)
    let upper = min(start + UInt(byteCount), (start + UInt(range.upperBound) + window - 1) / window * window)
    _ = unsafe madvise(UnsafeMutableRawPointer(bitPattern: lower), Int(upper - lower), advice)
  }
}
