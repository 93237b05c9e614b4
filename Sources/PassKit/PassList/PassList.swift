/// What a compile is to do: the passes in order, the text they calibrate on, and the gates the result must meet.
public struct PassList: Sendable {
  /// The schema version this program reads and writes.
  public static let version = 1

  /// Nil where the list has no such section.
  public private(set) var calibration: CalibrationSettings?
  public private(set) var steps: [PassStep]
  /// Nil where the list has no such section.
  public let verify: VerifySettings?
  /// The folder that relative paths of the list start from; nil for a list that was not read from a file.
  public let folder: String?
  /// The calibration texts as seen from the working directory; several, or one with a task, where tasks are named.
  public private(set) var calibrationFiles: [CalibrationFile]

  /// No passes: every tensor keeps its type.
  public static let identity = PassList(calibration: nil, steps: [], verify: nil, folder: nil)

  init(calibration: CalibrationSettings?, steps: [PassStep], verify: VerifySettings?, folder: String?) {
    self.calibration = calibration
    self.steps = steps
    self.verify = verify
    self.folder = folder
    calibrationFiles = (calibration?.files ?? []).map {
      CalibrationFile(task: $0.task, path: Self.path($0.path, from: folder))
    }
  }

  /// Appends a step written as after `--pass`.
  public mutating func append(parsing text: String, catalog: PassCatalog) throws(PassListError) {
    steps.append(try PassStep(parsing: text, catalog: catalog))
  }

  /// Takes what the command line says about calibration.
  /// - Throws: for a value out of range, and texts that do not go together.
  public mutating func override(_ overrides: CalibrationOverrides) throws(PassListError) {
    let written = try overrides.written(), place = SourcePlace.option("--calibration")
    guard !written.isEmpty else { return }
    var base = calibration?.values
    if !overrides.files.isEmpty {
      calibrationFiles = overrides.files
      // The field of another text says nothing about this one.
      base = base?.removing(CalibrationSettings.fileOptions + [CalibrationSettings.fieldOption.declaration])
    }
    calibration = try CalibrationSettings(
      values: OptionValues(
        written, declarations: CalibrationSettings.options, base: base, owner: "calibration", place: place),
      place: place)
  }

  /// The tasks that the calibration texts stand for, in order; none where there is one text without a name.
  public var taskNames: [String] { calibrationFiles.compactMap(\.task) }

  /// The list with the names of its texts without their folders: what may go into a pack, which is to be the same
  /// wherever the list and its texts lie.
  public var withoutFolders: PassList {
    let name = { (path: String) in path.split(separator: "/").last.map(String.init) ?? path }
    return PassList(
      calibration: calibration?.mappingPaths(name), steps: steps, verify: verify?.mappingPaths(name), folder: nil)
  }

  /// A path of the list as seen from the working directory.
  public func resolved(_ path: String) -> String { Self.path(path, from: folder) }

  private static func path(_ path: String, from folder: String?) -> String {
    guard let folder, !folder.isEmpty, !path.hasPrefix("/") else { return path }
    return folder.hasSuffix("/") ? folder + path : "\(folder)/\(path)"
  }

  /// The canonical form: YAML with every default spelled out. It reads back as an equal list, except for one without
  /// passes, which a file may not be.
  public var printed: String {
    var lines = ["version: \(Self.version)"]
    if let calibration { lines.append("calibration: \(Self.mapping(calibration.values))") }
    lines.append(steps.isEmpty ? "passes: []" : "passes:")
    for step in steps { lines.append("  - \(step.name): \(Self.mapping(step.values))") }
    if let verify { lines.append("verify: \(Self.mapping(verify.values))") }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func mapping(_ values: OptionValues) -> String {
    let fields = values.pairs.map { "\($0.name): \($0.value.yaml)" }
    return fields.isEmpty ? "{}" : "{ \(fields.joined(separator: ", ")) }"
  }
}

extension PassList: Equatable {
  /// Whether both do the same, wherever they were written.
  public static func == (a: PassList, b: PassList) -> Bool {
    a.calibration == b.calibration && a.steps == b.steps && a.verify == b.verify
  }
}
