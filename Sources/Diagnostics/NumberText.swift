/// Figures as tables and reports show them.
public enum NumberText {
  /// `value` rounded to `digits` places after the point.
  public static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    let scale = (0..<digits).reduce(1) { product, _ in product * 10 }
    let scaled = (value.magnitude * Double(scale)).rounded()
    guard scaled < 0x1p62 else { return value.description }
    let number = Int(scaled)
    let sign = value < 0 && number > 0 ? "-" : ""
    guard digits > 0 else { return sign + String(number) }
    let fraction = String(number % scale)
    return sign + String(number / scale) + "." + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  /// `value` with `digits` significant digits; numbers below 10^−4 with an exponent: `0.0123`, `4.56e-7`.
  public static func significant(_ value: Double, _ digits: Int = 3) -> String {
    guard value != 0, value.isFinite else { return fixed(value, 0) }
    var exponent = 0
    var mantissa = value.magnitude
    while mantissa < 1 {
      mantissa *= 10
      exponent -= 1
    }
    while mantissa >= 10 {
      mantissa /= 10
      exponent += 1
    }
    guard exponent < -4 else { return fixed(value, max(0, digits - 1 - exponent)) }
    return "\(value < 0 ? "-" : "")\(fixed(mantissa, digits - 1))e\(exponent)"
  }

  /// Thousands apart: `339,150`.
  public static func count(_ value: Int) -> String {
    var groups: [Substring] = []
    var digits = Substring(String(value.magnitude))
    while digits.count > 3 {
      groups.insert(digits.suffix(3), at: 0)
      digits = digits.dropLast(3)
    }
    groups.insert(digits, at: 0)
    return (value < 0 ? "-" : "") + groups.joined(separator: ",")
  }

  /// Seconds as `9.3 s`, `4:05` or `1:02:03`.
  public static func duration(_ seconds: Double) -> String {
    guard seconds >= 60 else { return "\(fixed(seconds, 1)) s" }
    let total = Int(seconds.rounded())
    let twoDigits = { (n: Int) in n < 10 ? "0\(n)" : "\(n)" }
    let minutes = total / 60 % 60
    return total >= 3600
      ? "\(total / 3600):\(twoDigits(minutes)):\(twoDigits(total % 60))" : "\(minutes):\(twoDigits(total % 60))"
  }

  /// A number of bytes in the largest binary unit that keeps it above one: `1.50 GiB`.
  public static func bytes(_ count: Int) -> String {
    var value = Double(count)
    var unit = "B"
    for larger in ["KiB", "MiB", "GiB", "TiB"] where value >= 1_024 {
      value /= 1_024
      unit = larger
    }
    return unit == "B" ? "\(count) B" : "\(fixed(value, 2)) \(unit)"
  }
}
