import ByteIO
import Glibc
import TensorCore

/// Shares out one limit on memory: a part for running blocks and for what passes work on, then one for statistics, and
/// what is left for hidden states, which go to disk beyond it.
///
/// The limit changes where things lie and how often a block is run, never a figure.
public final class MemoryBudget {
  /// Bytes that calibration and the passes it serves may hold in all.
  public let limit: Int
  /// Bytes of statistics that may be held at once.
  public let statisticsByteCount: Int
  /// Bytes of hidden states that may be held at once.
  public let statesByteCount: Int
  /// Bytes of hidden states held now.
  public private(set) var heldStatesByteCount = 0
  /// Bytes of hidden states that have gone to disk so far.
  public private(set) var spilledByteCount = 0

  private let scratchFolder: String
  private var scratch: ScratchFile?

  /// - Parameters:
  ///   - limit: in bytes; nil for half of the machine's memory.
  ///   - scratchFolder: on the disk that takes what does not fit.
  /// - Throws: `CalibrationError.memoryTooSmall` for less than the demand's minimum.
  public init(limit: Int?, demand: MemoryDemand, scratchFolder: String) throws(CalibrationError) {
    let limit = limit ?? max(demand.minimumByteCount, MachineMemory.byteCount / 2)
    guard limit >= demand.minimumByteCount else {
      throw .memoryTooSmall(limit: limit, needed: demand.minimumByteCount)
    }
    self.limit = limit
    self.scratchFolder = scratchFolder
    let free = limit - demand.minimumByteCount
    statisticsByteCount = min(demand.blockStatisticsByteCount, demand.largestStatisticByteCount + free)
    statesByteCount = free - (statisticsByteCount - demand.largestStatisticByteCount)
  }

  /// Whether `byteCount` more bytes of hidden states may be held; they are counted then.
  func claimStates(_ byteCount: Int) -> Bool {
    guard heldStatesByteCount + byteCount <= statesByteCount else { return false }
    heldStatesByteCount += byteCount
    return true
  }

  /// Gives back what was claimed.
  func returnStates(_ byteCount: Int) { heldStatesByteCount -= byteCount }

  /// Puts `bytes` on disk.
  /// - Throws: `ByteIOError` when there is no room.
  func spill(_ bytes: [UInt8]) throws -> any ByteStorage {
    let file = try scratch ?? ScratchFile(folder: scratchFolder)
    scratch = file
    spilledByteCount += bytes.count
    return try file.append(bytes.span)
  }
}

/// The memory that this process can have.
enum MachineMemory {
  /// Bytes of the machine, or of the control group that the process is in where that is less.
  static var byteCount: Int {
    let machine = max(1 << 30, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))
    guard let text = try? FileSystem.readSmallFile("/sys/fs/cgroup/memory.max", limit: 64),
      let group = Int(String(decoding: text, as: UTF8.self).prefix { $0.isNumber })
    else { return machine }
    return min(machine, group)
  }
}
