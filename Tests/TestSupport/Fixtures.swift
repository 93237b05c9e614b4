/// Paths of the repository's fixtures, found from this file's own place.
public enum Fixtures {
  public static let repository: String = {
    var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    parts.removeLast(3)
    return parts.joined(separator: "/")
  }()

  public static func path(_ relative: String) -> String { repository + "/fixtures/" + relative }
}
