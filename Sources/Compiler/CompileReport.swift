import Diagnostics
import Evaluation
import PackRuntime
import PassKit

/// What a compile did and what it measured.
public struct CompileReport: Sendable {
  let outputPath: String
  public let fileByteCount: Int
  /// Bytes of the checkpoint's files.
  let originalByteCount: Int
  /// Weights in the file: those that a step took out do not count.
  let parameterCount: Int
  public let seconds: Double
  /// Peak resident set of the process.
  public let peakMemoryByteCount: Int
  let steps: [StepReport]
  let check: SmokeCheck
  /// Nil when no text was given to measure on.
  let accuracy: VerifyReport?
  let notes: [String]

  public var gatesMet: Bool { accuracy?.gatesMet ?? true }

  var bitsPerWeight: Double { Double(fileByteCount) * 8 / Double(max(1, parameterCount)) }

  /// What the user should not miss, one line each.
  public var warnings: [String] {
    var warnings =
      notes.map { "note: \($0)" } + steps.flatMap { step in step.notes.map { "note: \(step.step): \($0)" } }
    if check.isGibberish {
      warnings.append(
        """
        warning: THE OUTPUT IS GIBBERISH: on \(check.tokenCount) tokens the pack and the original have a KL divergence \
        of \(NumberText.significant(check.divergence)) nats and agree on \
        \(NumberText.fixed(check.agreement * 100, 0)) % of them; use more bits or smaller groups
        """)
    }
    return warnings
  }

  /// The `result` of `compile --json`.
  public var document: JSONText {
    .object([
      ("file_bytes", .integer(Int64(fileByteCount))),
      ("peak_memory_bytes", .integer(Int64(peakMemoryByteCount))),
      ("seconds", .number(seconds)),
      ("bits_per_weight", .number(bitsPerWeight)),
      ("original_bytes", .integer(Int64(originalByteCount))),
      ("steps", .array(steps.map(\.document))),
      (
        "check",
        .object([
          ("tokens", .integer(Int64(check.tokenCount))), ("kl_divergence", .number(check.divergence)),
          ("top1_agreement", .number(check.agreement)), ("gibberish", .boolean(check.isGibberish)),
        ])
      ),
      ("accuracy", accuracy?.document ?? .null),
    ])
  }

  /// The same for people.
  public var table: String {
    var lines = steps.map { step in
      let error =
        step.relativeSquaredError.map { ", relative weight error \(NumberText.significant($0.squareRoot()))" } ?? ""
      return """
        \(step.number). \(step.step)
           \(step.parameterCount) tensors, \(NumberText.count(step.byteCountBefore)) → \
        \(NumberText.count(step.byteCountAfter)) bytes, \(NumberText.fixed(step.seconds, 2)) s\(error)
        """ + step.tables.map { "\n\n" + $0.text + "\n" }.joined()
    }
    lines.append(
      """
      wrote   \(outputPath): \(NumberText.count(fileByteCount)) bytes, \(NumberText.fixed(bitsPerWeight, 3)) bits per \
      weight, every byte counted, \(NumberText.share(of: fileByteCount, in: originalByteCount)) of the checkpoint
      check   KL divergence \(NumberText.significant(check.divergence)) nats, agreement \
      \(NumberText.fixed(check.agreement * 100, 1)) % on \(check.tokenCount) tokens
      took    \(NumberText.fixed(seconds, 1)) s, peak memory \(NumberText.count(peakMemoryByteCount >> 20)) MiB
      """)
    if let accuracy { lines.append("\n" + accuracy.table) }
    if !gatesMet { lines.append("\nA limit is not kept; the pack was written all the same, with what was measured.") }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension StepReport {
  var document: JSONText {
    .object([
      ("step", .string(step)), ("tensors", .integer(Int64(parameterCount))),
      ("bytes_before", .integer(Int64(byteCountBefore))), ("bytes_after", .integer(Int64(byteCountAfter))),
      ("relative_squared_error", relativeSquaredError.map(JSONText.number) ?? .null), ("seconds", .number(seconds)),
      ("notes", .array(notes.map(JSONText.string))), ("tables", .array(tables.map(\.document))),
    ])
  }
}
