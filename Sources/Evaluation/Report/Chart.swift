import Diagnostics
import Glibc
import PackRuntime

/// Plots as inline SVG: plain shapes that take their colours from the page's style sheet.
enum Chart {
  private static let width = 640.0
  private static let plotHeight = 200.0
  /// Room for the labels of the vertical axis, and below the plot.
  private static let left = 64.0
  private static let right = 12.0
  private static let top = 10.0
  private static let bottom = 40.0

  /// A tick: its place along the axis as a share of it, and its label.
  typealias Tick = (place: Double, label: String)

  /// Columns that touch, such as those of a histogram.
  static func columns(_ heights: [Double], ticks: [Tick], axis: String, label: String, title: (Int) -> String) -> Markup
  {
    let scale = Scale(upTo: heights.max() ?? 0)
    let step = (width - left - right) / Double(max(1, heights.count))
    let bars = heights.enumerated().compactMap { index, height -> Markup? in
      guard height > 0 else { return nil }
      let pixels = max(1, plotHeight * height / scale.top)
      return rectangle(
        x: left + step * Double(index) + 0.5, y: top + plotHeight - pixels, width: max(0.5, step - 1), height: pixels,
        title: title(index))
    }
    return plot(scale, ticks: ticks, axis: axis, label: label, bars)
  }

  /// A line through values at equal distances.
  static func line(_ values: [Double], ticks: [Tick], axis: String, label: String) -> Markup {
    let scale = Scale(upTo: values.max() ?? 0)
    let points = values.enumerated().map { index, value in
      let x = left + (width - left - right) * (values.count > 1 ? Double(index) / Double(values.count - 1) : 0.5)
      return "\(number(x)),\(number(top + plotHeight * (1 - value / scale.top)))"
    }
    return plot(
      scale, ticks: ticks, axis: axis, label: label,
      [.element("polyline", [("class", "line"), ("points", points.joined(separator: " "))])])
  }

  /// One horizontal bar per name.
  static func bars(_ rows: [(name: String, value: Double, text: String)], label: String) -> Markup {
    let rowHeight = 22.0
    let nameWidth = 7.2 * Double(rows.reduce(0) { max($0, $1.name.count) }) + 12
    let valueWidth = 7.2 * Double(rows.reduce(0) { max($0, $1.text.count) }) + 12
    let room = max(40, width - nameWidth - valueWidth)
    let largest = rows.reduce(0) { max($0, $1.value) }
    var shapes: [Markup] = []
    for (index, row) in rows.enumerated() {
      let y = rowHeight * Double(index)
      let length = largest > 0 ? max(1, room * row.value / largest) : 1
      shapes.append(caption(row.name, x: nameWidth - 8, y: y + 15, anchor: "end"))
      shapes.append(
        rectangle(x: nameWidth, y: y + 3, width: length, height: rowHeight - 6, title: "\(row.name): \(row.text)"))
      shapes.append(caption(row.text, x: nameWidth + length + 6, y: y + 15, anchor: "start"))
    }
    return frame(height: rowHeight * Double(rows.count), label: label, shapes)
  }

  private static func plot(_ scale: Scale, ticks: [Tick], axis: String, label: String, _ marks: [Markup]) -> Markup {
    var shapes: [Markup] = []
    for (value, text) in scale.ticks {
      let y = top + plotHeight * (1 - value / scale.top)
      shapes.append(rule(from: (left, y), to: (width - right, y), kind: value == 0 ? "axis" : "grid"))
      shapes.append(caption(text, x: left - 6, y: y + 4, anchor: "end"))
    }
    shapes += marks
    for tick in ticks {
      let x = left + (width - left - right) * tick.place
      shapes.append(rule(from: (x, top + plotHeight), to: (x, top + plotHeight + 4), kind: "axis"))
      shapes.append(caption(tick.label, x: x, y: top + plotHeight + 17, anchor: "middle"))
    }
    shapes.append(caption(axis, x: (left + width - right) / 2, y: top + plotHeight + 36, anchor: "middle"))
    return frame(height: top + plotHeight + bottom, label: label, shapes)
  }

  private static func frame(height: Double, label: String, _ shapes: [Markup]) -> Markup {
    .element(
      "svg",
      [("viewBox", "0 0 \(number(width)) \(number(height))"), ("role", "img"), ("aria-label", label)], shapes)
  }

  private static func rectangle(x: Double, y: Double, width: Double, height: Double, title: String) -> Markup {
    .element(
      "rect",
      [
        ("class", "bar"), ("x", number(x)), ("y", number(y)), ("width", number(width)), ("height", number(height)),
        ("rx", "1.5"),
      ], [.element("title", text: title)])
  }

  private static func rule(from a: (x: Double, y: Double), to b: (x: Double, y: Double), kind: String) -> Markup {
    .element(
      "line", [("class", kind), ("x1", number(a.x)), ("y1", number(a.y)), ("x2", number(b.x)), ("y2", number(b.y))])
  }

  private static func caption(_ text: String, x: Double, y: Double, anchor: String) -> Markup {
    .element("text", [("x", number(x)), ("y", number(y)), ("text-anchor", anchor)], text: text)
  }

  private static func number(_ value: Double) -> String { NumberText.fixed(value, 1) }
}

/// A linear axis from 0 to a round number.
struct Scale {
  let top: Double
  let ticks: [(value: Double, label: String)]

  /// Steps of 1, 2 or 5 times a power of ten, three to five of them, the last at or above `largest`.
  init(upTo largest: Double) {
    guard largest > 0, largest.isFinite else {
      top = 1
      ticks = [(0, "0"), (1, "1")]
      return
    }
    var step = 1.0
    while step * 5 < largest { step *= 10 }
    while step * 5 >= largest * 10 { step /= 10 }
    // Now largest / 5 ≤ step < 2 · largest.
    if step / 5 * 5 >= largest { step /= 5 } else if step / 2 * 5 >= largest { step /= 2 }
    let count = Int((largest / step).rounded(.up))
    top = step * Double(count)
    ticks = (0...count).map { index in
      let value = step * Double(index)
      if index == 0 { return (value, "0") }
      if step >= 1 { return (value, step < 0x1p52 ? NumberText.count(Int(value)) : NumberText.significant(value)) }
      let places = Int((-log10(step) - 1e-9).rounded(.up))
      return (value, places <= 4 ? NumberText.fixed(value, places) : NumberText.significant(value, 2))
    }
  }
}
