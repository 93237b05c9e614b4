/// Every kind of operation, in the order a reader should meet them.
public enum OperationCatalog {
  public static let kinds: [any GraphOperation.Type] = [
    Embed.self, RMSNorm.self, Linear.self, Rope.self, Attention.self,
    Activation.self, Multiply.self, Add.self, Clamp.self, Scale.self, Mixture.self, Head.self,
  ]

  /// The kind called `mnemonic` in the text form.
  public static func kind(named mnemonic: String) -> (any GraphOperation.Type)? {
    kinds.first { $0.mnemonic == mnemonic }
  }
}
