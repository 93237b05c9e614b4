import Encodings
import PassKit

/// A pass with one option of every kind, which does nothing.
struct SamplePass: BlockPass {
  enum Mode: String, CaseIterable, Sendable { case fast, careful }

  static let bits = PassOption<Int>.integer("bits", in: 2...8, default: 4, "an integer")
  static let damping = PassOption<Double>.number("damping", in: 0...10, default: 0.01, "a number")
  static let share = PassOption<Double>.fraction("share", in: 0...1, default: 0.75, "a share")
  static let exact = PassOption<Bool>.boolean("exact", default: false, "a switch")
  static let mode = PassOption<Mode>.choice("mode", default: .fast, "a choice")
  static let size = PassOption<Int>.byteSize("size", "a size").optional(unset: "no limit")
  static let candidates = PassOption<[Int]>.integers("candidates", in: 2...8, default: [2, 4], "a list")
  static let pattern = PassOption<KeptPattern>.pattern(
    "pattern", largestGroup: 16, default: KeptPattern(kept: 2, group: 4), "a pattern")
  static let task = PassOption<String>.text("task", "a text").optional(unset: "every task")
  static let targets = PassOption<[Glob]>.globs("targets", "parameters").optional(unset: "all")

  static let name = "sample"
  static let summary = "does nothing"
  static let details = "For tests."
  static let options = [
    bits.declaration, damping.declaration, share.declaration, exact.declaration, mode.declaration, size.declaration,
    candidates.declaration, pattern.declaration, task.declaration, targets.declaration,
  ]

  let values: OptionValues

  init(_ values: OptionValues) throws(OptionConflict) {
    if values[Self.exact], values[Self.mode] == .fast {
      throw OptionConflict(what: "exact needs mode=careful", why: "fast is not exact", fix: "add mode=careful")
    }
    self.values = values
  }

  func plan(_ outline: inout OutlineEditor) {}
  func run(on block: BlockEditor) -> PreservedAnalyses { .all }
}

/// A pass with a required option.
struct NeedyPass: BlockPass {
  static let count = PassOption<Int>.integer("count", in: 1...Int.max, "how many")

  static let name = "needy"
  static let summary = "needs an option"
  static let details = "For tests."
  static let options = [count.declaration]

  init(_ values: OptionValues) {}
  func plan(_ outline: inout OutlineEditor) {}
  func run(on block: BlockEditor) -> PreservedAnalyses { .all }
}

extension PassCatalog {
  static let sample = PassCatalog([SamplePass.self, NeedyPass.self])
}
