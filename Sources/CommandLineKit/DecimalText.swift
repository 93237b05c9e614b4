/// Numbers as tables show them, without Foundation.
public enum DecimalText {
  /// `value` with exactly `digits` places after the point.
  public static func fixed(_ value: Double, digits: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 0x1p62 else { return "\(value)" }
    let whole = Int(scaled / scale)
    let fraction = Int(scaled) - whole * Int(scale)
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(whole)" }
    let text = String(fraction)
    return "\(sign)\(whole).\(String(repeating: "0", count: digits - text.count))\(text)"
  }

  /// Seconds as `9.3 s`, `4:05` or `1:02:03`.
  public static func duration(_ seconds: Double) -> String {
    guard seconds >= 60 else { return "\(fixed(seconds, digits: 1)) s" }
    let total = Int(seconds.rounded())
    let twoDigits = { (n: Int) in n < 10 ? "0\(n)" : "\(n)" }
    let minutes = total / 60 % 60
    return total >= 3600
      ? "\(total / 3600):\(twoDigits(minutes)):\(twoDigits(total % 60))" : "\(minutes):\(twoDigits(total % 60))"
  }
}
