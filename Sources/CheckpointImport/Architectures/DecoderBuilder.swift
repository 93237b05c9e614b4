import ModelGraph

/// How a layer attends, where architectures differ.
struct AttentionForm {
  enum Norm {
    case none
    /// Query and key of each head are normalised on their own.
    case perHead
    /// Query and key are normalised over all heads together.
    case wholeRow
  }

  var mask = AttentionMask.causal
  var hasInputBiases = false
  var hasOutputBias = false
  var norm = Norm.none
  /// Bound on the elements of query, key and value.
  var clip: Float?
}

/// What follows attention in a layer.
enum FeedForwardForm {
  case dense(width: Int, hasBiases: Bool = false)
  case mixture(MixtureForm)
}

struct MixtureForm {
  let expertCount: Int
  let activeCount: Int
  let expertWidth: Int
  let normalizesGates: Bool
  let sharedWidth: Int?
  /// Names in the layer whose tensors begin with the given prefix.
  let names: (String) -> ExpertTensorNames
}

/// Writes the program of a decoder.
///
/// All architectures share the frame: embedding; layers of norm, attention, sum, norm, feed-forward, sum; norm and head.
struct DecoderBuilder {
  private let architecture: String
  private let config: DecoderConfig
  private var program = ProgramWriter(sequences: ["n"])
  private var hidden = ValueID(0)

  init(_ architecture: String, _ config: DecoderConfig) {
    self.architecture = architecture
    self.config = config
    declare("embedding", .embedding, [config.vocabularyCount, config.width], TensorSource("model.embed_tokens.weight"))
    hidden = append(Embed(ids: ValueID(0), table: "embedding", width: config.width))
    program.endBlock("embedding")
  }

  /// Adds the next layer.
  mutating func layer(_ attention: AttentionForm, _ feedForward: FeedForwardForm) {
    let name = "layers.\(program.blockCount - 1)"
    addAttention(name, attention)
    let normed = norm(hidden, "\(name).post_norm", "model.\(name).post_attention_layernorm.weight")
    let change =
      switch feedForward {
      case .dense(let width, let hasBiases): dense(normed, name, width, hasBiases)
      case .mixture(let form): mixture(normed, name, form)
      }
    hidden = append(Add(left: hidden, right: change))
    program.endBlock(name)
  }

  /// Ends the program with the final norm and the head.
  mutating func blueprint() -> Blueprint {
    hidden = norm(hidden, "final_norm", "model.norm.weight")
    let table = config.isTied ? "embedding" : "head"
    if !config.isTied {
      declare(table, .head, [config.vocabularyCount, config.width], TensorSource("lm_head.weight"))
    }
    hidden = append(Head(input: hidden, weight: table, vocabularyCount: config.vocabularyCount))
    program.endBlock("head")
    return program.blueprint(
      architecture, vocabularyCount: config.vocabularyCount, contextLength: config.contextLength)
  }

  private mutating func addAttention(_ name: String, _ form: AttentionForm) {
    let normed = norm(hidden, "\(name).input_norm", "model.\(name).input_layernorm.weight")
    let queryWidth = config.headCount * config.headWidth
    let keyWidth = config.keyValueHeadCount * config.headWidth
    var projections: [ValueID] = []
    for (part, width) in [("query", queryWidth), ("key", keyWidth), ("value", keyWidth)] {
      let tensors = "model.\(name).self_attn.\(part.prefix(1))"
      var value = linear(
        normed, "\(name).attention.\(part)", .attention, width, config.width, tensors + "_proj", form.hasInputBiases)
      if form.norm != .none && part != "value" {
        let span = form.norm == .perHead ? config.headWidth : width
        value = norm(value, "\(name).attention.\(part)_norm", tensors + "_norm.weight", span: span)
      }
      if let limit = form.clip { value = append(Clamp(input: value, limit: limit)) }
      projections.append(value)
    }
    for part in 0..<2 {
      projections[part] = append(
        Rope(
          input: projections[part], headWidth: config.headWidth, base: config.rope.base, scaling: config.rope.scaling))
    }
    let attended = append(
      Attention(
        query: projections[0], key: projections[1], value: projections[2], headCount: config.headCount,
        keyValueHeadCount: config.keyValueHeadCount, headWidth: config.headWidth,
        scale: Float(1 / Double(config.headWidth).squareRoot()), mask: form.mask))
    let output = linear(
      attended, "\(name).attention.output", .attention, config.width, queryWidth, "model.\(name).self_attn.o_proj",
      form.hasOutputBias)
    hidden = append(Add(left: hidden, right: output))
  }

  private mutating func dense(_ input: ValueID, _ layer: String, _ width: Int, _ hasBiases: Bool) -> ValueID {
    let name = "\(layer).mlp", tensors = "model.\(name)"
    let gate = linear(input, "\(name).gate", .mlp, width, config.width, "\(tensors).gate_proj", hasBiases)
    let up = linear(input, "\(name).up", .mlp, width, config.width, "\(tensors).up_proj", hasBiases)
    let activated = append(Activation(input: gate, function: config.function))
    let product = append(Multiply(left: activated, right: up))
    return linear(product, "\(name).down", .mlp, config.width, width, "\(tensors).down_proj", hasBiases)
  }

  private mutating func mixture(_ input: ValueID, _ layer: String, _ form: MixtureForm) -> ValueID {
    let name = "\(layer).mlp", tensors = "model.\(layer)"
    let names = form.names(tensors)
    declare(
      "\(name).router", .router, [form.expertCount, config.width],
      TensorSource(candidates: names.router.map(TensorPlace.whole)))
    for expert in 0..<form.expertCount {
      let sources = names.sources(
        ofExpert: expert, count: form.expertCount, expertWidth: form.expertWidth, width: config.width)
      declareGated("\(name).experts.\(expert)", .expert, form.expertWidth, sources)
    }
    if let width = form.sharedWidth {
      let expert = "\(tensors).mlp.shared_expert"
      let sources = ["gate", "up", "down"].map { TensorSource("\(expert).\($0)_proj.weight") }
      declareGated("\(name).shared", .sharedExpert, width, sources)
      declare("\(name).shared_router", .router, [1, config.width], TensorSource("\(expert)_gate.weight"))
    }
    return append(
      Mixture(
        input: input, router: "\(name).router", experts: "\(name).experts", expertCount: form.expertCount,
        activeCount: form.activeCount, expertWidth: form.expertWidth, normalizesGates: form.normalizesGates,
        function: config.function,
        shared: form.sharedWidth.map {
          SharedExpert(name: "\(name).shared", width: $0, router: "\(name).shared_router")
        }))
  }

  /// Declares the gate, up and down of a gated feed-forward part.
  private mutating func declareGated(_ name: String, _ role: ParameterRole, _ width: Int, _ sources: [TensorSource]) {
    declare("\(name).gate", role, [width, config.width], sources[0])
    declare("\(name).up", role, [width, config.width], sources[1])
    declare("\(name).down", role, [config.width, width], sources[2])
  }

  private mutating func linear(
    _ input: ValueID, _ name: String, _ role: ParameterRole, _ outputCount: Int, _ inputCount: Int, _ tensor: String,
    _ hasBias: Bool
  ) -> ValueID {
    program.linear(input, name, role, outputCount, inputCount, tensor, hasBias: hasBias)
  }

  private mutating func norm(_ input: ValueID, _ name: String, _ tensor: String, span: Int? = nil) -> ValueID {
    program.norm(input, name, tensor, span: span ?? config.width, epsilon: config.epsilon)
  }

  private mutating func declare(_ name: String, _ role: ParameterRole, _ dimensions: [Int], _ source: TensorSource) {
    program.declare(name, role, dimensions, source)
  }

  private mutating func append(_ operation: some GraphOperation) -> ValueID { program.append(operation) }
}
