/// The version of Swage; packs name the version that wrote them.
public enum ToolVersion {
  public static let text = "0.1.0"
}
