import COpenBLAS
import LinearAlgebra
import Testing

@Suite struct ProcessorTests {
  /// On a processor that OpenBLAS does not know it would multiply with instructions of 2004.
  @Test func productsUseTheProcessorsVectors() {
    _ = Matrix.product(.identity(2), .identity(2))
    let core = openblas_get_corename().map { unsafe String(cString: $0) } ?? ""
    #expect(!core.isEmpty && core != "Prescott")
  }
}
