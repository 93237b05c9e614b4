/// An element of a page, or text. Everything that is not markup is escaped where it is printed.
indirect enum Markup {
  case element(String, attributes: [(String, String)], children: [Markup])
  case text(String)
  /// A style sheet of this program's own: printed as it is.
  case style(String)

  static func element(_ name: String, _ attributes: [(String, String)] = [], _ children: [Markup] = []) -> Markup {
    .element(name, attributes: attributes, children: children)
  }

  static func element(_ name: String, _ attributes: [(String, String)] = [], text: String) -> Markup {
    .element(name, attributes: attributes, children: [.text(text)])
  }

  /// Elements of HTML that have neither content nor an end tag.
  private static let voidElements: Set<String> = ["meta", "br"]

  var html: String {
    var output = ""
    write(to: &output)
    return output
  }

  private func write(to output: inout String) {
    switch self {
    case .text(let text): output += Self.escaped(text)
    case .style(let sheet): output += "<style>\(sheet)</style>"
    case .element(let name, let attributes, let children):
      output += "<\(name)"
      for (key, value) in attributes { output += " \(key)=\"\(Self.escaped(value))\"" }
      if Self.voidElements.contains(name) {
        output += "/>"
        return
      }
      output += ">"
      for child in children { child.write(to: &output) }
      output += "</\(name)>"
    }
  }

  /// Control characters other than line breaks and tabs, which HTML has no place for, become U+FFFD.
  private static func escaped(_ text: String) -> String {
    var output = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": output += "&amp;"
      case "<": output += "&lt;"
      case ">": output += "&gt;"
      case "\"": output += "&quot;"
      case "'": output += "&#39;"
      case "\n", "\t": output.unicodeScalars.append(scalar)
      case "\u{0}"..<" ", "\u{7F}"..<"\u{A0}": output += "\u{FFFD}"
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output
  }
}
