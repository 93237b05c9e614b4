import ByteIO
import CompressionPasses
import PassKit

/// The list of a compile, from a file and from steps on the command line.
public enum PassListLoader {
  private static let byteCountLimit = 1 << 20

  /// The list in the file at `path` (none: the identity), with `steps` appended.
  /// - Throws: `ByteIOError` when the file cannot be read, `PassListError` when the list or a step is refused.
  public static func load(path: String?, steps: [String]) throws -> PassList {
    var list = PassList.identity
    if let path {
      list = try PassList(
        parsing: FileSystem.readSmallFile(path, limit: byteCountLimit), path: path, catalog: .standard)
    }
    for step in steps { try list.append(parsing: step, catalog: .standard) }
    return list
  }
}
