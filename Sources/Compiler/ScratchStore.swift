import ByteIO
import PassKit
import TensorCore

/// Keeps what passes make in a nameless file, so that it does not stay in memory.
final class ScratchStore: PayloadStore {
  private let file: ScratchFile

  init(folder: String) throws(ByteIOError) { file = try ScratchFile(folder: folder) }

  func store(_ bytes: [UInt8]) throws -> any ByteStorage {
    let storage = try file.append(bytes.span)
    storage.release(0..<storage.byteCount)
    return storage
  }
}
