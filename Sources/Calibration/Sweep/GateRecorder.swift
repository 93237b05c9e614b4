import DecodeKernels
import Execution
import ModelGraph
import PassKit

/// Collects how sure the routers of the mixtures of a block are of the experts they choose.
final class GateRecorder: RoutingObserver {
  private(set) var samples: [GateSample]
  private let vectors: VectorKernels

  init(_ mixtures: [Mixture], vectors: VectorKernels) {
    samples = mixtures.map { GateSample(router: $0.router) }
    self.vectors = vectors
  }

  func observe(_ name: String, input: Span<Float>, tokenCount: Int) {
    guard let index = samples.firstIndex(where: { $0.router == name }) else { return }
    samples[index].norms += vectors.norms(ofRows: input, width: input.count / tokenCount)
  }

  func observe(_ mixture: Mixture, probabilities: Span<Float>) {
    guard let index = samples.firstIndex(where: { $0.router == mixture.router }) else { return }
    for start in stride(from: 0, to: probabilities.count, by: mixture.expertCount) {
      let sorted = (0..<mixture.expertCount).map { probabilities[start + $0] }.sorted(by: >)
      samples[index].ratios += sorted[..<mixture.activeCount].dropFirst().map { $0 / sorted[0] }
    }
  }

  func observe(_ mixture: Mixture, expert: Int, routed: [RoutedToken], outputs: Span<Float>) {}
}
