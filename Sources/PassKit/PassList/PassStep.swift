import Diagnostics

/// One step of a pass list: a pass with its options.
public struct PassStep: Sendable {
  /// The pass, ready to run.
  public let pass: any CompressionPass
  public let values: OptionValues
  /// Where the user wrote it.
  public let place: SourcePlace

  public var name: String { type(of: pass).name }

  /// The canonical one-line form with every default spelled out: `cast type=f16`.
  public var text: String { ([name] + values.pairs.map { "\($0.name)=\($0.value.text)" }).joined(separator: " ") }

  /// Whether it looks at calibration text.
  public var needsCalibration: Bool {
    switch pass {
    case let pass as any BlockPass: pass.calibrationNeed != .none || evaluatesCandidates
    case let pass as any ModelPass: pass.needsCalibration
    default: false
    }
  }

  /// The most it has to know about the inputs inside a block.
  public var calibrationNeed: CalibrationNeed {
    switch pass {
    case let pass as any BlockPass: pass.calibrationNeed
    case let pass as any ModelPass: pass.calibrationNeed
    default: .none
    }
  }

  /// Whether it tries candidates against the original.
  public var evaluatesCandidates: Bool {
    switch pass {
    case let pass as any SurveyingPass: pass.evaluatesCandidates
    case let pass as any ModelPass: pass.evaluatesCandidates
    default: false
    }
  }

  /// Whether it sees the whole model before its sweep.
  var needsSurvey: Bool { (pass as? any SurveyingPass)?.needsSurvey == true }

  init(
    name: String, options: [WrittenOption], catalog: PassCatalog, place: SourcePlace
  ) throws(PassListError) {
    guard let type = catalog[name] else {
      throw .unknownPass(
        name: name, nearest: Suggestion.nearest(to: name, in: catalog.names), known: catalog.names, place: place)
    }
    values = try OptionValues(options, declarations: type.options, owner: name, place: place)
    do {
      pass = try type.init(values)
    } catch {
      throw .conflict(pass: name, error, place: place)
    }
    self.place = place
  }

  /// Reads a step as it is written after `--pass`: the pass and its options as `key=value`, separated by white space.
  public init(parsing text: String, catalog: PassCatalog) throws(PassListError) {
    let place = SourcePlace.step(text)
    let words = text.split(whereSeparator: \.isWhitespace)
    guard let name = words.first else { throw .emptyStep(place: place) }
    var options: [WrittenOption] = []
    for word in words.dropFirst() {
      guard let sign = word.firstIndex(of: "="), sign > word.startIndex else {
        throw .missingEqualsSign(word: String(word.prefix(60)), place: place)
      }
      options.append(
        WrittenOption(
          name: String(word[..<sign]), value: .scalar(String(word[word.index(after: sign)...])), place: place))
    }
    try self.init(name: String(name), options: options, catalog: catalog, place: place)
  }
}

extension PassStep: Equatable {
  /// Whether both do the same, wherever they were written.
  public static func == (a: PassStep, b: PassStep) -> Bool { a.name == b.name && a.values == b.values }
}
