import Diagnostics

/// Why a `config.json` is not accepted. `source` is the file.
public enum ConfigError: Diagnosable, Equatable {
  case notAnObject(source: String)
  case missingKey(String, source: String)
  case wrongType(key: String, expected: String, found: String, source: String)
  case badValue(key: String, value: String, rule: String, source: String)
  /// More layers times experts than a graph may declare.
  case tooManyParameters(count: Int, limit: Int, source: String)
  case unknownArchitecture(name: String, nearest: String?, supported: [String], source: String)
  /// A known family of models, but not one that predicts the next token.
  case unsupportedTask(className: String, expected: String, source: String)
  case unsupportedValue(key: String, value: String, supported: String, source: String)
  case quantized(method: String, source: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .notAnObject(let source):
      Diagnosis(
        code: "config.not-an-object", what: "the configuration is not a JSON object", place: source,
        why: "a configuration is a set of keys and values", fix: "restore the file from where the model came from",
        status: .malformedInput)
    case .missingKey(let key, let source):
      Diagnosis(
        code: "config.missing-key", what: "`\(key)` is missing from the configuration", place: source,
        why: "the architecture cannot be built without it", fix: "restore the file from where the model came from",
        status: .malformedInput)
    case .wrongType(let key, let expected, let found, let source):
      Diagnosis(
        code: "config.wrong-type", what: "`\(key)` is \(found)", place: source, why: "it must be \(expected)",
        fix: "correct the value of `\(key)`", status: .malformedInput)
    case .badValue(let key, let value, let rule, let source):
      Diagnosis(
        code: "config.bad-value", what: "`\(key)` is \(value)", place: source, why: "it \(rule)",
        fix: "correct the value of `\(key)`", status: .malformedInput)
    case .tooManyParameters(let count, let limit, let source):
      Diagnosis(
        code: "config.too-many-parameters", what: "the configuration asks for \(count) weight tensors", place: source,
        why: "a graph may declare at most \(limit)", fix: "check the numbers of layers and experts",
        status: .malformedInput)
    case .unknownArchitecture(let name, let nearest, let supported, let source):
      Diagnosis(
        code: "config.unknown-architecture", what: "the architecture `\(name)` is not supported", place: source,
        why: "supported are \(supported.joined(separator: ", "))",
        fix: nearest.map { "if the model is a `\($0)`, say so in `model_type`; otherwise use a supported model" }
          ?? "use a model of a supported architecture", status: .unsupported)
    case .unsupportedTask(let className, let expected, let source):
      Diagnosis(
        code: "config.unsupported-task", what: "`\(className)` is not a model Swage can compile", place: source,
        why: "of this family only `\(expected)` is supported", fix: "use the model that predicts the next token",
        status: .unsupported)
    case .unsupportedValue(let key, let value, let supported, let source):
      Diagnosis(
        code: "config.unsupported-value", what: "`\(key)` is \(value), which is not supported", place: source,
        why: "supported: \(supported)", fix: "use a model without this feature", status: .unsupported)
    case .quantized(let method, let source):
      Diagnosis(
        code: "config.quantized", what: "the checkpoint is already quantized with \(method)", place: source,
        why: "`quantization_config` is present, and quantized checkpoints cannot be read",
        fix: "use the original checkpoint in float32, float16 or bfloat16", status: .unsupported)
    }
  }
}
