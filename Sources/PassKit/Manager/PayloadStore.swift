import TensorCore

/// Keeps the bytes that passes make, outside of memory where the model is large.
public protocol PayloadStore {
  /// Keeps `bytes`; the result lends them for as long as it lives.
  func store(_ bytes: [UInt8]) throws -> any ByteStorage
}
