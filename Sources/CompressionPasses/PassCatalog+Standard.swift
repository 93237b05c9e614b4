import PassKit

extension PassCatalog {
  /// Every pass of Swage, in the order a reader should meet them.
  public static let standard = PassCatalog([
    Cast.self, Quantize.self, PackTernary.self, Sparsify.self, Factorize.self, AllocateBits.self, DropBlocks.self,
    PruneExperts.self, SkipExperts.self,
  ])
}
