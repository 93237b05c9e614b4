/// Where the tensor of a parameter lies in a checkpoint: the first of some places that is there.
struct TensorSource {
  let candidates: [TensorPlace]

  /// A tensor of its own, by any of several names.
  init(_ names: String...) { candidates = names.map(TensorPlace.whole) }

  init(candidates: [TensorPlace]) { self.candidates = candidates }
}

enum TensorPlace: Equatable {
  case whole(String)
  /// The parameter's elements begin at `elementOffset` of a larger tensor, which must have `dimensions`.
  case part(of: String, dimensions: [Int], elementOffset: Int)

  var tensorName: String {
    switch self {
    case .whole(let name), .part(let name, _, _): name
    }
  }
}

/// What the tensors of a layer's experts are called.
struct ExpertTensorNames {
  /// The router, by any of several names.
  let router: [String]
  /// One tensor for each expert's gate, up and down, by number.
  let gate, up, down: @Sendable (Int) -> String
  /// All experts' gates and ups in one tensor (experts, 2 · expert width, width), each expert's gate first.
  let fusedGateUp: String
  /// All experts' downs in one tensor (experts, width, expert width).
  let fusedDown: String

  /// `mlp.gate` and `mlp.experts.7.gate_proj`, or fused `mlp.experts.gate_up_proj`.
  static func projections(layer: String) -> ExpertTensorNames {
    ExpertTensorNames(
      router: ["\(layer).mlp.gate.weight"],
      gate: { "\(layer).mlp.experts.\($0).gate_proj.weight" }, up: { "\(layer).mlp.experts.\($0).up_proj.weight" },
      down: { "\(layer).mlp.experts.\($0).down_proj.weight" },
      fusedGateUp: "\(layer).mlp.experts.gate_up_proj", fusedDown: "\(layer).mlp.experts.down_proj")
  }

  /// Mixtral's `block_sparse_moe.gate` and `block_sparse_moe.experts.7.w1`, or the fused names of
  /// ``projections(layer:)``.
  static func numbered(layer: String) -> ExpertTensorNames {
    ExpertTensorNames(
      router: ["\(layer).block_sparse_moe.gate.weight", "\(layer).mlp.gate.weight"],
      gate: { "\(layer).block_sparse_moe.experts.\($0).w1.weight" },
      up: { "\(layer).block_sparse_moe.experts.\($0).w3.weight" },
      down: { "\(layer).block_sparse_moe.experts.\($0).w2.weight" },
      fusedGateUp: "\(layer).mlp.experts.gate_up_proj", fusedDown: "\(layer).mlp.experts.down_proj")
  }

  /// Sources of the gate, up and down of expert `index`.
  func sources(ofExpert index: Int, count: Int, expertWidth: Int, width: Int) -> [TensorSource] {
    let gateUp = [count, 2 * expertWidth, width], down = [count, width, expertWidth]
    let matrix = expertWidth * width
    let fused: [TensorPlace] = [
      .part(of: fusedGateUp, dimensions: gateUp, elementOffset: 2 * index * matrix),
      .part(of: fusedGateUp, dimensions: gateUp, elementOffset: (2 * index + 1) * matrix),
      .part(of: fusedDown, dimensions: down, elementOffset: index * matrix),
    ]
    let separate = [gate(index), self.up(index), self.down(index)]
    return zip(separate, fused).map { TensorSource(candidates: [.whole($0), $1]) }
  }
}
