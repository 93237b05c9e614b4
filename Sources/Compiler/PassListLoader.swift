import ByteIO
import CompressionPasses
import PassKit

/// The list of a compile, from a file and from steps on the command line.
public enum PassListLoader {
  private static let byteCountLimit = 1 << 20

  /// The list in the file at `path` (none: the identity), with `steps` appended and what the command line says about
  /// calibration in place of what the file says.
  /// - Throws: `ByteIOError` when the file cannot be read, `PassListError` when the list, a step or an option is
  ///   refused.
  public static func load(
    path: String?, steps: [String], calibration: CalibrationOverrides = CalibrationOverrides()
  ) throws -> PassList {
    var list = PassList.identity
    if let path {
      list = try PassList(
        parsing: FileSystem.readSmallFile(path, limit: byteCountLimit), path: path, catalog: .standard)
    }
    for step in steps { try list.append(parsing: step, catalog: .standard) }
    try list.override(calibration)
    return list
  }

  /// What `[TASK=]FILE` names: a file as a whole where there is such a one, be it behind the `@` of ids.
  public static func calibrationFile(_ argument: String) -> CalibrationFile {
    let path = argument.hasPrefix("@") ? String(argument.dropFirst()) : argument
    guard !FileSystem.exists(path), let sign = argument.firstIndex(of: "="), !argument[..<sign].contains("/") else {
      return CalibrationFile(task: nil, path: argument)
    }
    return CalibrationFile(task: String(argument[..<sign]), path: String(argument[argument.index(after: sign)...]))
  }
}
