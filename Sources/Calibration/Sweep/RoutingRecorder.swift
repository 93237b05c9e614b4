import DecodeKernels
import Execution
import ModelGraph
import PassKit

/// Adds up how the mixtures of a block use their experts.
final class RoutingRecorder: RoutingObserver {
  private(set) var uses: [MixtureUse]
  private let vectors: VectorKernels
  /// What the router of the mixture at work made of the chunk.
  private var probabilities: [Float] = []

  init(_ mixtures: [Mixture], vectors: VectorKernels) {
    uses = mixtures.map {
      MixtureUse(
        router: $0.router, tokenCount: 0, experts: [ExpertUse](repeating: ExpertUse(), count: $0.expertCount))
    }
    self.vectors = vectors
  }

  func observe(_ name: String, input: Span<Float>, tokenCount: Int) {}

  func observe(_ mixture: Mixture, probabilities rows: Span<Float>) {
    probabilities = rows.indices.map { rows[$0] }
    change(mixture) { use in
      use.tokenCount += rows.count / mixture.expertCount
      for (index, probability) in probabilities.enumerated() {
        use.experts[index % mixture.expertCount].probabilitySum += Double(probability)
      }
    }
  }

  func observe(_ mixture: Mixture, expert: Int, routed: [RoutedToken], outputs: Span<Float>) {
    let width = outputs.count / routed.count
    change(mixture) { use in
      for (index, choice) in routed.enumerated() {
        let output = outputs.extracting(index * width..<(index + 1) * width)
        let gate = Double(choice.gate), square = Double(vectors.dot(output, output))
        use.experts[expert].tokenCount += 1
        use.experts[expert].chosenProbabilitySum += Double(probabilities[choice.token * mixture.expertCount + expert])
        use.experts[expert].gateSum += gate
        use.experts[expert].outputSum += gate * square.squareRoot()
        use.experts[expert].energy += gate * gate * square
        for element in output.indices {
          use.experts[expert].largestActivation = max(use.experts[expert].largestActivation, abs(output[element]))
        }
      }
    }
  }

  private func change(_ mixture: Mixture, _ body: (inout MixtureUse) -> Void) {
    guard let index = uses.firstIndex(where: { $0.router == mixture.router }) else { return }
    body(&uses[index])
  }
}

/// Keeps the outputs of the experts of a block for one sequence, or takes the difference to those that were kept.
final class ExpertOutputs: RoutingObserver {
  /// By mixture and expert, the rows of its tokens after one another.
  private var rows: [[[Float]]]
  private let routers: [String]
  /// What was kept of the same sequence, to compare with.
  private let reference: ExpertOutputs?
  /// By mixture and expert, Σ g²·‖difference‖².
  private(set) var errors: [[Double]]
  /// Where each expert's next rows lie in the reference.
  private var positions: [[Int]]

  init(_ mixtures: [Mixture], comparingWith reference: ExpertOutputs? = nil) {
    routers = mixtures.map(\.router)
    rows = mixtures.map { [[Float]](repeating: [], count: $0.expertCount) }
    errors = mixtures.map { [Double](repeating: 0, count: $0.expertCount) }
    positions = mixtures.map { [Int](repeating: 0, count: $0.expertCount) }
    self.reference = reference
  }

  func observe(_ name: String, input: Span<Float>, tokenCount: Int) {}

  func observe(_ mixture: Mixture, probabilities: Span<Float>) {}

  func observe(_ mixture: Mixture, expert: Int, routed: [RoutedToken], outputs: Span<Float>) {
    guard let index = routers.firstIndex(of: mixture.router) else { return }
    guard let reference else {
      for element in outputs.indices { rows[index][expert].append(outputs[element]) }
      return
    }
    let width = outputs.count / routed.count
    let kept = reference.rows[index][expert]
    let expected = kept.span
    for (row, choice) in routed.enumerated() {
      let start = positions[index][expert] + row * width
      var square = 0.0
      for element in 0..<width {
        let difference = Double(outputs[row * width + element] - expected[start + element])
        square += difference * difference
      }
      errors[index][expert] += Double(choice.gate) * Double(choice.gate) * square
    }
    positions[index][expert] += outputs.count
  }
}
