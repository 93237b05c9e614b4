/// Bounds on what a graph may declare, so that a hostile text costs no more than a small multiple of its length.
public enum GraphLimits {
  /// Of one dimension of a parameter, of a value's width, of a context and of a vocabulary.
  public static let dimension = 1 << 31
  /// Elements of one parameter.
  public static let elementCount = 1 << 48
  /// Declared parameters of a graph.
  public static let parameterCount = 1 << 18
  /// Parameters read by all operations together, each counted as often as it is read.
  public static let parameterUseCount = 1 << 20
  /// Experts of one mixture.
  public static let expertCount = 1 << 16
  /// Bytes of a name.
  public static let nameByteCount = 255
  /// Bytes of a graph's text.
  public static let textByteCount = 1 << 24
}
