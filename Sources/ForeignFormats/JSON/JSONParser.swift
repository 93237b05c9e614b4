import CJansson

extension JSONValue {
  /// Values may lie inside at most this many others.
  public static let depthLimit = 128
  /// Longer texts are refused: the tree takes several times the room of its text.
  public static let byteCountLimit = 1 << 30

  /// Reads one JSON text, which must fill `bytes` but for white space. A key may appear only once in an object.
  /// - Parameter source: the file's name, for messages.
  /// - Throws: `JSONError` for anything but well-formed JSON within the limits.
  public static func parse(_ bytes: Span<UInt8>, source: String) throws(JSONError) -> JSONValue {
    guard bytes.count <= byteCountLimit else {
      throw .tooLong(source: source, byteCount: bytes.count, limit: byteCountLimit)
    }
    switch load(bytes, source) {
    case .success(let value): return value
    case .failure(.malformed(_, _, _, let reason)) where reason.hasPrefix("too big"):
      return try load(withLongIntegersAsReals(bytes).span, source).get()
    case .failure(let error): throw error
    }
  }

  private static func load(_ bytes: Span<UInt8>, _ source: String) -> Result<JSONValue, JSONError> {
    var error = json_error_t()
    let flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL
    let root = unsafe bytes.withUnsafeBytes { raw in
      unsafe json_loadb(raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count, Int(flags), &error)
    }
    guard let root = unsafe root else { return .failure(JSONError(error, source)) }
    defer { unsafe json_decref(root) }
    return Result { () throws(JSONError) in try unsafe JSONValue(root, depth: 0, source) }
  }

  private init(_ node: UnsafeMutablePointer<json_t>, depth: Int, _ source: String) throws(JSONError) {
    guard depth <= Self.depthLimit else { throw .tooDeep(source: source, limit: Self.depthLimit) }
    switch unsafe node.pointee.type {
    case JSON_OBJECT:
      var members: [JSONObject.Member] = []
      unsafe members.reserveCapacity(json_object_size(node))
      var next = unsafe json_object_iter(node)
      while let member = unsafe next, let value = unsafe json_object_iter_value(member) {
        let key = unsafe String(json_object_iter_key(member), byteCount: json_object_iter_key_len(member))
        members.append(JSONObject.Member(key: key, value: try unsafe JSONValue(value, depth: depth + 1, source)))
        unsafe next = json_object_iter_next(node, member)
      }
      self = .object(JSONObject(members))
    case JSON_ARRAY:
      var elements: [JSONValue] = []
      let count = unsafe json_array_size(node)
      elements.reserveCapacity(count)
      for index in 0..<count {
        guard let element = unsafe json_array_get(node, index) else { continue }
        elements.append(try unsafe JSONValue(element, depth: depth + 1, source))
      }
      self = .array(elements)
    case JSON_STRING: self = .string(unsafe String(json_string_value(node), byteCount: json_string_length(node)))
    case JSON_INTEGER: self = .integer(Int64(unsafe json_integer_value(node)))
    case JSON_REAL: self = .number(unsafe json_real_value(node))
    case JSON_TRUE: self = .bool(true)
    case JSON_FALSE: self = .bool(false)
    default: self = .null
    }
  }

  /// The text with `e0` after every integer beyond 64 bits, which makes it a real: the parser refuses such integers,
  /// and `tokenizer_config.json` files write 10³⁰ as one.
  private static func withLongIntegersAsReals(_ bytes: Span<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + 16)
    var isInString = false, isEscaped = false
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if !isInString, byte == UInt8(ascii: "-") || isNumeric(byte) {
        var end = index + 1
        while end < bytes.count, isNumeric(bytes[end]) { end += 1 }
        let token = (index..<end).map { bytes[$0] }
        result += token
        let isInteger = token.dropFirst().allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        if isInteger, token.count > 18, Int64(String(decoding: token, as: UTF8.self)) == nil { result += [0x65, 0x30] }
        index = end
        continue
      }
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\"") {
        isInString.toggle()
      } else {
        isEscaped = isInString && byte == UInt8(ascii: "\\")
      }
      result.append(byte)
      index += 1
    }
    return result
  }

  /// Whether `byte` may stand inside a number, after its first sign.
  private static func isNumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"),
      UInt8(ascii: "+"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

extension JSONError {
  fileprivate init(_ error: json_error_t, _ source: String) {
    let line = Int(max(1, error.line)), column = Int(max(1, error.column))
    var error = error
    let code = unsafe json_error_code(&error)
    let reason = unsafe withUnsafeBytes(of: &error.text) { text in
      unsafe String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }
    switch code {
    case json_error_duplicate_key: self = .duplicateKey(source: source, line: line, column: column, reason: reason)
    case json_error_invalid_utf8: self = .notUTF8(source: source, line: line, column: column, reason: reason)
    case json_error_stack_overflow: self = .tooDeep(source: source, limit: JSONValue.depthLimit)
    default: self = .malformed(source: source, line: line, column: column, reason: reason)
    }
  }
}

extension String {
  /// Text the parser has checked to be UTF-8.
  fileprivate init(_ start: UnsafePointer<CChar>?, byteCount: Int) {
    let bytes = unsafe UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : byteCount)
    self = unsafe String(decoding: bytes, as: UTF8.self)
  }
}
