import ByteIO
import Foundation
import TestSupport

extension TemporaryFolder {
  /// Writes `bytes` to `name` and returns its path.
  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  /// Everything in the folder, hidden files included, in ascending order.
  var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }

  func contents(_ name: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(fileURLWithPath: path(name)))) }
}

/// Bytes of this process's mappings of files whose path contains `fragment` that are resident now.
func residentByteCount(ofFilesNamed fragment: String) throws -> Int {
  var isWanted = false, total = 0
  let text = String(decoding: try FileSystem.readSmallFile("/proc/self/smaps", limit: 1 << 26), as: UTF8.self)
  for line in text.split(separator: "\n") {
    let fields = line.split(separator: " ", omittingEmptySubsequences: true)
    if fields[0].contains("-") {
      isWanted = line.contains(fragment)
    } else if isWanted, fields[0] == "Rss:" {
      total += (Int(fields[1]) ?? 0) * 1_024
    }
  }
  return total
}
