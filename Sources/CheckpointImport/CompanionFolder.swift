import ByteIO
import ForeignFormats
import ModelIR

/// The small files beside the weights.
struct CompanionFolder {
  let path: String

  private static let byteCountLimit = 1 << 28

  /// The bytes of the file called `name`, nil when there is none.
  func read(_ name: String) throws(ByteIOError) -> [UInt8]? {
    let path = FileSystem.path(path, name)
    guard FileSystem.exists(path) else { return nil }
    return try FileSystem.readSmallFile(path, limit: Self.byteCountLimit, allowsPipes: false)
  }

  /// The JSON file called `name`, nil when there is none.
  func configuration(_ name: String) throws -> ConfigReader? {
    guard let bytes = try read(name) else { return nil }
    let path = FileSystem.path(path, name)
    return try ConfigReader(JSONValue.parse(bytes.span, source: path), source: path)
  }

  /// The files called `names`, each once, for the record of where a model came from.
  func files(_ names: [String]) throws(ByteIOError) -> [Source.File] {
    var files: [Source.File] = []
    for name in names where !files.contains(where: { $0.name == name }) {
      files.append(Source.File(name: name, storage: try MappedFile(path: FileSystem.path(path, name))))
    }
    return files
  }
}
