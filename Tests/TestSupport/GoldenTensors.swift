import Foundation

/// Tensors of a golden safetensors file, read without any code of Swage.
public struct GoldenTensors {
  private let header: [String: Any]
  private let data: Data

  public init(_ path: String) throws {
    let file = try Data(contentsOf: URL(fileURLWithPath: path))
    let length = file.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
    header = try JSONSerialization.jsonObject(with: file.dropFirst(8).prefix(length)) as? [String: Any] ?? [:]
    data = Data(file.dropFirst(8 + length))
  }

  public func dimensions(_ name: String) -> [Int] { (header[name] as? [String: Any])?["shape"] as? [Int] ?? [] }

  public func floats(_ name: String) -> [Float] {
    bytes(name).withUnsafeBytes { raw in
      (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
    }
  }

  /// Integers of 32 or 64 bits.
  public func integers(_ name: String) -> [Int] {
    let isWide = (header[name] as? [String: Any])?["dtype"] as? String == "I64"
    return bytes(name).withUnsafeBytes { raw in
      isWide
        ? (0..<raw.count / 8).map { Int(raw.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self)) }
        : (0..<raw.count / 4).map { Int(raw.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self)) }
    }
  }

  private func bytes(_ name: String) -> Data {
    guard let range = (header[name] as? [String: Any])?["data_offsets"] as? [Int], range.count == 2 else {
      return Data()
    }
    return data.subdata(in: range[0]..<range[1])
  }
}
