/// The classes that split patterns tell apart.
enum ScalarClass: UInt8 {
  /// `\p{L}`
  case letter
  /// `\p{N}`
  case number
  /// `[\r\n]`
  case newline
  /// `\s` but for `[\r\n]`
  case space
  /// `[^\s\p{L}\p{N}]`
  case other

  init(_ scalar: Unicode.Scalar) {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
    case .decimalNumber, .letterNumber, .otherNumber: self = .number
    default: self = scalar == "\r" || scalar == "\n" ? .newline : scalar.properties.isWhitespace ? .space : .other
    }
  }

  static let ascii: [ScalarClass] = (0..<128).map { ScalarClass(Unicode.Scalar(UInt8($0))) }

  @inline(__always) var isWhitespace: Bool { self == .space || self == .newline }
}
