import Diagnostics
import PackFormat

extension PackSummary {
  /// The `result` of `info --json`.
  public var document: JSONText {
    .object([
      ("architecture", .string(architecture)),
      ("parameters", .integer(Int64(parameterCount))),
      ("file_bytes", .integer(Int64(fileByteCount))),
      (
        "bits_per_weight",
        .object([
          ("total", .number(bitsPerWeight)),
          ("by_role", .object(bitsPerWeightByRole.map { ($0.role, .number($0.bitsPerWeight)) })),
        ])
      ),
      ("context", .integer(Int64(contextLength))),
      ("vocabulary", .integer(Int64(vocabularyCount))),
      ("tasks", .array(tasks.map(\.document))),
      ("accuracy", .array(accuracy.map(\.document))),
      ("tool_version", .string(toolVersion)),
      ("pass_list", .string(passList)),
      ("generation_defaults", generation.document),
      ("tokenizer", .boolean(hasTokenizer)),
      ("chat_template", .boolean(hasChatTemplate)),
      ("sources", .array(sources.map { .object([("name", .string($0.name)), ("sha256", .string($0.digest))]) })),
    ])
  }

  /// The same for people.
  public var table: String {
    var lines = [
      "architecture  \(architecture)",
      "parameters    \(NumberText.count(parameterCount))",
      "file          \(NumberText.count(fileByteCount)) bytes, \(NumberText.fixed(bitsPerWeight, 3)) bits per weight, every byte counted",
      "context       \(NumberText.count(contextLength)) tokens",
      "vocabulary    \(NumberText.count(vocabularyCount)) tokens" + (hasTokenizer ? "" : ", no tokenizer: use --ids"),
      "chat template \(hasChatTemplate ? "carried along; generate continues plain text" : "none")",
      "written by    \(toolVersion)",
    ]
    lines += bitsPerWeightByRole.map { role in
      "  \(role.role)\(String(repeating: " ", count: max(1, 14 - role.role.count)))\(NumberText.fixed(role.bitsPerWeight, 3)) bits per weight"
    }
    lines += tasks.map { task in
      let counts = task.expertCounts.map { "\($0.used)/\($0.stored)" }.joined(separator: " ")
      return "task \(task.name)  \(counts) experts, \(NumberText.count(task.expertByteCount)) bytes of experts"
    }
    if accuracy.isEmpty { lines.append("accuracy      not measured when it was compiled") }
    for record in accuracy {
      lines.append(
        """
        measured on \(record.textName), \(NumberText.count(record.tokenCount)) tokens in windows of \(record.windowTokenCount): \
        perplexity \(NumberText.fixed(record.compiledPerplexity, 3)) against \(NumberText.fixed(record.originalPerplexity, 3)), \
        KL divergence \(NumberText.significant(record.divergence.mean)) nats, agreement \
        \(NumberText.fixed(record.topAgreement * 100, 1)) %
        """)
    }
    if !passList.isEmpty { lines.append("pass list\n" + String(passList.dropLast())) }
    return lines.joined(separator: "\n")
  }
}

extension PackSummary.Task {
  fileprivate var document: JSONText {
    let numbers = { (counts: [Int]) in JSONText.array(counts.map { .integer(Int64($0)) }) }
    return .object([
      ("name", .string(name)), ("experts", numbers(expertCounts.map(\.used))),
      ("stored_experts", numbers(expertCounts.map(\.stored))), ("expert_bytes", .integer(Int64(expertByteCount))),
    ])
  }
}

extension GenerationDefaults {
  /// The members that the checkpoint states.
  fileprivate var document: JSONText {
    var members: [(String, JSONText)] = []
    if let temperature { members.append(("temperature", .number(temperature))) }
    if let topK { members.append(("top_k", .integer(Int64(topK)))) }
    if let topP { members.append(("top_p", .number(topP))) }
    if let minP { members.append(("min_p", .number(minP))) }
    if let repetitionPenalty { members.append(("repetition_penalty", .number(repetitionPenalty))) }
    if let samples { members.append(("do_sample", .boolean(samples))) }
    return .object(members)
  }
}

extension AccuracyRecord {
  fileprivate var document: JSONText {
    let members = { (estimate: Estimate) -> [(String, JSONText)] in
      [("mean", .number(estimate.mean)), ("low", .number(estimate.low)), ("high", .number(estimate.high))]
    }
    return .object([
      ("text", .string(textName)), ("tokens", .integer(Int64(tokenCount))),
      ("window", .integer(Int64(windowTokenCount))),
      ("original_perplexity", .number(originalPerplexity)), ("compiled_perplexity", .number(compiledPerplexity)),
      ("perplexity_ratio", .object(members(perplexityRatio))),
      ("kl_divergence", .object(members(divergence) + [("p99", .number(divergenceP99))])),
      ("top1_agreement", .number(topAgreement)),
    ])
  }
}
