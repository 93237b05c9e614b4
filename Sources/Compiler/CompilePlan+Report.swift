import Diagnostics
import PackRuntime

extension CompilePlan {
  /// The `result` of `plan --json`.
  public var document: JSONText {
    .object([
      ("file_bytes", .integer(Int64(fileByteCount))),
      ("exact", .boolean(isExact)),
      ("peak_memory_bytes", .integer(Int64(peakMemoryByteCount))),
      ("seconds", .number(seconds)),
      ("disk_bytes", .integer(Int64(diskByteCount()))),
      ("bits_per_weight", .number(bitsPerWeight)),
      ("original_bytes", .integer(Int64(originalByteCount))),
      (
        "steps",
        .array(
          steps.steps.map { step in
            .object([
              ("step", .string(step.step.text)), ("tensors", .integer(Int64(step.assignments.count))),
              ("bytes_before", .integer(Int64(step.byteCountBefore))),
              ("bytes_after", .integer(Int64(step.byteCountAfter))),
              ("notes", .array(step.notes.map(JSONText.string))),
            ])
          })
      ),
      ("pass_list", .string(passList.printed)),
    ])
  }

  /// The same for people.
  public var table: String {
    var lines = steps.steps.map { step in
      """
      \(step.number). \(step.step.text)
         \(step.assignments.count) tensors, \(NumberText.count(step.byteCountBefore)) → \
      \(NumberText.count(step.byteCountAfter)) bytes
      """
    }
    if lines.isEmpty { lines.append("no steps: every tensor keeps its type") }
    lines.append(
      """

      file    \(isExact ? "" : "about ")\(NumberText.count(fileByteCount)) bytes\(isExact ? " exactly" : ""), \
      \(NumberText.fixed(bitsPerWeight, 3)) bits per weight, every byte counted, \
      \(NumberText.share(of: fileByteCount, in: originalByteCount)) of the checkpoint
      memory  about \(NumberText.count(peakMemoryByteCount >> 20)) MiB
      disk    at most \(NumberText.count((diskByteCount() + (1 << 20) - 1) >> 20)) MiB while it runs
      time    about \(NumberText.fixed(seconds, 1)) s on two threads, without verification

      """)
    return lines.joined(separator: "\n")
  }
}

extension NumberText {
  /// Bytes as a share of what there was: `12.5 %`.
  static func share(of byteCount: Int, in original: Int) -> String {
    fixed(100 * Double(byteCount) / Double(max(1, original)), 1) + " %"
  }
}
