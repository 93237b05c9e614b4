import CDecodeKernels
import Encodings
import Synchronization

/// How kernels read the places of a sparse pattern: a unit of whole groups, at most 16 elements, at a time.
final class SparseUnits: Sendable {
  private let pattern: SparsePattern
  private let groupCount: Int
  /// For each number of a unit, the groups' numbers one after the other, which of its elements are kept.
  private let masks: [UInt16]

  /// The units of `pattern`. Made once for each pattern, since the masks take up to 32 KiB.
  static func of(_ pattern: SparsePattern) -> SparseUnits {
    known.withLock { known in
      if let units = known[pattern] { return units }
      let units = SparseUnits(pattern)
      known[pattern] = units
      return units
    }
  }

  private static let known = Mutex<[SparsePattern: SparseUnits]>([:])

  private init(_ pattern: SparsePattern) {
    self.pattern = pattern
    groupCount = 16 / pattern.group
    var masks: [UInt16] = [0]
    for group in 0..<groupCount {
      let shift = UInt16(group * pattern.group)
      masks = pattern.masksByNumber.flatMap { mask in masks.map { $0 | mask << shift } }
    }
    self.masks = masks
  }

  /// Lends the C description of the places at `numbers` in rows of `inputCount` elements, valid during the call.
  func withPlaces(
    at numbers: UnsafePointer<UInt8>, inputCount: Int, _ body: (UnsafePointer<cdk_places>) -> Void
  ) {
    unsafe masks.withUnsafeBufferPointer { masks in
      var places = unsafe cdk_places(
        numbers: numbers, row_byte_count: pattern.rowByteCount(of: inputCount), masks: masks.baseAddress,
        unit_bit_count: groupCount * pattern.indexBitCount, unit_element_count: groupCount * pattern.group,
        unit_kept_count: groupCount * pattern.kept, input_count: inputCount)
      unsafe withUnsafePointer(to: &places) { unsafe body($0) }
    }
  }
}
