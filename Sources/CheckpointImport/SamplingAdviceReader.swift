import ModelIR

extension SamplingAdvice {
  /// Reads `generation_config.json`. A figure that cannot be meant is left out: nothing depends on advice.
  init(_ generation: ConfigReader) {
    self.init()
    temperature = generation.figure("temperature") { $0 >= 0 }
    topK = generation.figure("top_k") { $0 >= 1 && $0 <= Double(Int32.max) }.map { Int($0) }
    topP = generation.figure("top_p") { (0...1).contains($0) }
    minP = generation.figure("min_p") { (0...1).contains($0) }
    repetitionPenalty = generation.figure("repetition_penalty") { $0 > 0 }
    samples = generation.has("do_sample") ? try? generation.boolean("do_sample", default: false) : nil
  }
}
