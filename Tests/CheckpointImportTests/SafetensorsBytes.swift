import Foundation
import TestSupport

/// Safetensors files put together by hand, right or wrong.
enum SafetensorsBytes {
  /// Length, `header` as it is, then `data`.
  static func file(_ header: [UInt8], data: [UInt8] = []) -> [UInt8] {
    length(UInt64(header.count)) + header + data
  }

  static func file(_ header: String, data: [UInt8] = []) -> [UInt8] { file([UInt8](header.utf8), data: data) }

  /// A file of tensors one after another, each of one byte per element.
  static func tensors(_ tensors: [(name: String, byteCount: Int)], type: String = "U8", bytesPerElement: Int = 1)
    -> [UInt8]
  {
    var records: [String] = [], end = 0
    for (name, byteCount) in tensors {
      records.append(record(name, type, [byteCount / bytesPerElement], end, end + byteCount))
      end += byteCount
    }
    return file("{" + records.joined(separator: ",") + "}", data: [UInt8](repeating: 0, count: end))
  }

  /// One member of a header.
  static func record(_ name: String, _ type: String, _ shape: [Int], _ begin: Int, _ end: Int) -> String {
    #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
  }

  static func length(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
}

extension TemporaryFolder {
  /// A folder with the files given.
  convenience init(files: [String: [UInt8]]) throws {
    self.init()
    for (name, bytes) in files { try Data(bytes).write(to: URL(fileURLWithPath: path(name))) }
  }
}
