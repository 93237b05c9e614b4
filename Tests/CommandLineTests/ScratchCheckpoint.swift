import Foundation
import TestSupport

/// A copy of a tiny checkpoint that a test may damage.
final class ScratchCheckpoint {
  let folder = TemporaryFolder()
  var path: String { folder.path }

  init(_ fixture: String = "tiny/llama") throws {
    for name in ["config.json", "model.safetensors"] {
      try FileManager.default.copyItem(atPath: Fixtures.path("\(fixture)/\(name)"), toPath: folder.path(name))
    }
  }

  /// Changes members of config.json; nil removes one.
  func config(_ changes: [String: Any?]) throws {
    let url = URL(fileURLWithPath: folder.path("config.json"))
    var object = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any] ?? [:]
    for (key, value) in changes { object[key] = value }
    try JSONSerialization.data(withJSONObject: object, options: .sortedKeys).write(to: url)
  }

  /// The safetensors header as an object, rewritten by `change`; tensor bytes stay as they are.
  func header(_ change: (inout [String: Any]) -> Void) throws {
    let url = URL(fileURLWithPath: folder.path("model.safetensors"))
    let file = try Data(contentsOf: url)
    let length = headerLength(file)
    var object = try JSONSerialization.jsonObject(with: file.dropFirst(8).prefix(length)) as? [String: Any] ?? [:]
    change(&object)
    let text = try JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
    var result = Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
    result += text
    result += file.dropFirst(8 + length)
    try result.write(to: url)
  }

  /// Overwrites an element of a bf16 tensor.
  func poke(_ tensor: String, element: Int, bits: UInt16) throws { try poke(tensor, elements: [element], bits: bits) }

  /// Overwrites elements of a bf16 tensor.
  func poke(_ tensor: String, elements: some Sequence<Int>, bits: UInt16) throws {
    let url = URL(fileURLWithPath: folder.path("model.safetensors"))
    var file = try Data(contentsOf: url)
    let length = headerLength(file)
    let object = try JSONSerialization.jsonObject(with: file.dropFirst(8).prefix(length)) as? [String: Any] ?? [:]
    let offsets = (object[tensor] as? [String: Any])?["data_offsets"] as? [Int] ?? [0]
    for element in elements {
      let start = 8 + length + offsets[0] + 2 * element
      file[start] = UInt8(bits & 0xFF)
      file[start + 1] = UInt8(bits >> 8)
    }
    try file.write(to: url)
  }

  private func headerLength(_ file: Data) -> Int {
    file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
  }
}
