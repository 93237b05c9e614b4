import ArgumentParser
import CommandLineKit
import Diagnostics
import PackRuntime

/// How the experts of a mixture are used.
struct ExpertOptions: ParsableArguments {
  @Option(
    help: """
      Keep at most this much of a mixture's experts in memory, such as 2GiB or 25% of them, and read the others when \
      they are needed or likely to be; results stay the same (default: all are mapped).
      """)
  var expertMemory: ExpertMemory?

  @Flag(
    help: """
      Leave out the experts that a token can do without, by thresholds that the pass skip-experts found; results \
      change a little.
      """)
  var skipExperts = false

  /// - Throws: what `PackedModel.open` does; `PackModelError.noSkipping`.
  func open(_ path: String, task: TaskSelection = .all, on execution: ExecutionOptions) throws -> PackedModel {
    let model = try PackedModel.open(
      path: path, context: execution.kernelContext(), task: task, expertMemory: expertMemory?.limit)
    if skipExperts { try model.skipExperts() }
    if let note = model.taskChoice?.note { Terminal.note(note) }
    return model
  }

  /// Says on standard error what became of the options that were given.
  func report(_ model: PackedModel) {
    if let statistics = model.expertStatistics { Terminal.note(statistics.line) }
    if let skips = model.expertSkips {
      Terminal.note("experts left out: \(NumberText.fixed(100 * skips.share, 1))% of those after a token's first")
    }
  }

  /// What became of them, as members of a result with `--json`.
  func members(_ model: PackedModel) -> [(String, JSONText)] {
    [
      ("experts", model.expertStatistics?.document ?? .null),
      ("skipped_experts", model.expertSkips.map { .number($0.share) } ?? .null),
    ]
  }
}

/// A number of bytes, or a share of all experts with a percent sign.
struct ExpertMemory: ExpressibleByArgument {
  let limit: ExpertMemoryLimit

  init?(argument: String) {
    if argument.hasSuffix("%") {
      guard let share = Percentage(argument: argument) else { return nil }
      limit = .share(share.fraction)
    } else {
      guard let size = ByteSize(argument: argument) else { return nil }
      limit = .bytes(size.byteCount)
    }
  }
}
