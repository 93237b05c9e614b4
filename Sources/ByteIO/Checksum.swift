import CXXHash
import TensorCore

/// XXH3 with 64 bits and seed 0, by libxxhash: finds damage, does not withstand forgery.
public enum Checksum {
  public static func xxh3(_ bytes: Span<UInt8>) -> UInt64 {
    unsafe bytes.withUnsafeBufferPointer { buffer in unsafe XXH3_64bits(buffer.baseAddress, buffer.count) }
  }

  /// The checksum of a range that may be larger than memory; its pages are dropped on the way.
  public static func xxh3(_ storage: some ByteStorage, _ range: Range<Int>) -> UInt64 {
    let running = RunningChecksum()
    storage.forEachChunk(of: range) { running.update($0) }
    return running.value
  }
}

/// The same checksum over bytes that come in pieces.
@safe public final class RunningChecksum {
  private let state: OpaquePointer

  public init() {
    guard let state = unsafe XXH3_createState() else { preconditionFailure("no memory for a checksum state") }
    unsafe self.state = state
    unsafe XXH3_64bits_reset(state)
  }

  deinit { unsafe XXH3_freeState(state) }

  public func update(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      unsafe XXH3_64bits_update(state, base, buffer.count)
    }
  }

  /// The checksum of all bytes so far; more may follow.
  public var value: UInt64 { unsafe XXH3_64bits_digest(state) }
}
