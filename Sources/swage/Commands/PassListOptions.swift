import ArgumentParser
import Compiler
import PassKit

/// `--passes` and `--pass`, and what says how they are calibrated: the list of a compile.
struct PassListOptions: ParsableArguments {
  @Option(help: "Pass list file (YAML).") var passes: String?
  @Option(help: "Append a step, such as 'quantize bits=4 group=64'; may be given again.") var pass: [String] = []
  @Option(
    help: """
      Calibration text, JSONL or ids (.ids): [TASK=]FILE, again for another task; replaces the list's, unused where no \
      pass needs it.
      """)
  var calibration: [String] = []
  @Option(help: "Field of a JSONL calibration file that holds the text.") var calibrationField: String?
  @Option(parsing: .unconditional, help: "Calibration sequences.") var calibrationSequences: Int?
  @Option(parsing: .unconditional, help: "Tokens in a calibration sequence.") var calibrationLength: Int?
  @Option(parsing: .unconditional, help: "Seed of everything drawn at random.") var seed: Int?

  /// The list of the file, or an empty one, with the steps appended.
  /// - Throws: when the file cannot be read, or the list, a step or an option is refused.
  func passList() throws -> PassList {
    try PassListLoader.load(
      path: passes, steps: pass,
      calibration: CalibrationOverrides(
        files: calibration.map(PassListLoader.calibrationFile), field: calibrationField,
        sequenceCount: calibrationSequences, length: calibrationLength, seed: seed))
  }
}
