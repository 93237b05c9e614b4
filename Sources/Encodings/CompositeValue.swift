import TensorCore

/// Puts a composite value together from its components.
public enum CompositeValue {
  /// The bytes of a value of `shape`, which the encoding must accept; one that has components.
  /// - Parameters:
  ///   - places: of a sparse value, see ``SparsePattern``; empty for any other.
  ///   - parts: the bytes of ``Encoding/parts(of:)``, in that order.
  public static func bytes(
    of encoding: Encoding, shape: MatrixShape, places: [UInt8] = [], parts: [[UInt8]]
  ) -> [UInt8] {
    precondition(encoding.accepts(shape))
    let layout = encoding.parts(of: shape)
    precondition(layout.count == parts.count)
    precondition(places.count == encoding.placesByteCount(of: shape))
    var bytes = places
    bytes.reserveCapacity(encoding.byteCount(of: shape))
    for (part, content) in zip(layout, parts) {
      precondition(content.count == part.byteRange.count)
      bytes.append(contentsOf: repeatElement(0, count: part.byteRange.lowerBound - bytes.count))
      bytes += content
    }
    return bytes
  }
}
