/// The passes there are, in the order a reader should meet them.
public struct PassCatalog: Sendable {
  public let passes: [any CompressionPass.Type]

  public init(_ passes: [any CompressionPass.Type]) { self.passes = passes }

  public var names: [String] { passes.map { $0.name } }

  /// The pass called `name`.
  public subscript(name: String) -> (any CompressionPass.Type)? { passes.first { $0.name == name } }
}
