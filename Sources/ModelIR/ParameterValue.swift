import Encodings
import TensorCore

/// The weights of one parameter: how they are represented, and where the bytes are.
public struct ParameterValue: Sendable {
  public let encoding: Encoding
  /// The value's bytes, `encoding.byteCount(of: shape)` of them: a range of the checkpoint's mapping, or what a pass stored.
  public let storage: any ByteStorage
  /// What was done to it, oldest first, one printed step per entry.
  public let history: [String]
  /// The encoding that a later pass is asked to give it, nil when nothing was decided.
  public var intent: Encoding?

  public init(encoding: Encoding, storage: any ByteStorage, history: [String] = [], intent: Encoding? = nil) {
    self.encoding = encoding
    self.storage = storage
    self.history = history
    self.intent = intent
  }

  /// The value that `step` made of this one.
  public func replaced(by encoding: Encoding, storage: any ByteStorage, step: String) -> ParameterValue {
    ParameterValue(encoding: encoding, storage: storage, history: history + [step])
  }
}
