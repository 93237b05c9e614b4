/// Where a parameter's value lies: a section and the bytes within it (docs/format.md §3.5).
public struct ParameterPlacement: Sendable, Hashable {
  /// Index into the section table.
  public let section: Int
  /// First byte within the section.
  public let offset: Int
  public let byteCount: Int

  /// Values begin at multiples of this within a section.
  static let alignment = 64

  var end: Int { offset + byteCount }

  init(section: Int, offset: Int, byteCount: Int) {
    self.section = section
    self.offset = offset
    self.byteCount = byteCount
  }
}

/// A parameter together with where it lies.
public struct PlacedParameter: Sendable, Hashable {
  public let parameter: PackParameter
  public let placement: ParameterPlacement
}

/// The writer's rule for what shares a section (docs/format.md §5.1).
enum PlacementRule {
  private static let smallByteCountLimit = 4_096
  private static let pageAlignedByteCount = 65_536

  /// One placement per parameter, in their order; the first parameter section has index `firstSection`.
  static func placements(of parameters: [PackParameter], firstSection: Int) -> [ParameterPlacement] {
    var placements: [ParameterPlacement] = []
    placements.reserveCapacity(parameters.count)
    for (index, parameter) in parameters.enumerated() {
      var section = firstSection, offset = 0
      if let last = placements.last {
        let joins = shareSection(parameters[index - 1], parameter)
        section = joins ? last.section : last.section + 1
        offset = joins ? aligned(last.end, to: ParameterPlacement.alignment) : 0
      }
      placements.append(ParameterPlacement(section: section, offset: offset, byteCount: parameter.byteCount))
    }
    return placements
  }

  static func alignment(isExpert: Bool, byteCount: Int) -> Int {
    isExpert && byteCount > pageAlignedByteCount ? PackSection.pageAlignment : PackSection.smallAlignment
  }

  static func isExpert(_ parameter: PackParameter) -> Bool { parameter.role == "expert" }

  private static func shareSection(_ previous: PackParameter, _ next: PackParameter) -> Bool {
    guard isExpert(previous) == isExpert(next) else { return false }
    if isExpert(next) { return expertName(previous) == expertName(next) }
    return previous.byteCount < smallByteCountLimit && next.byteCount < smallByteCountLimit
  }

  /// The name up to its last dot: `layers.3.mlp.experts.5` of `layers.3.mlp.experts.5.up`.
  private static func expertName(_ parameter: PackParameter) -> Substring {
    parameter.name[..<(parameter.name.lastIndex(of: ".") ?? parameter.name.startIndex)]
  }
}

/// The reader's check of placements (docs/format.md §3.5): values cover their sections, in order and without a hole.
struct PlacementCheck {
  let sections: [PackSection]

  func run(_ parameters: [PlacedParameter]) throws(PackFormatError) {
    // Kinds ascend through the table, so parameter sections follow each other.
    var expected = sections.firstIndex { $0.kind == .parameters } ?? sections.endIndex
    var end: Int?
    for item in parameters {
      let name = item.parameter.name, placement = item.placement
      guard sections.indices.contains(placement.section), sections[placement.section].kind == .parameters else {
        throw .parameterSection(name, section: placement.section)
      }
      guard placement.byteCount == item.parameter.byteCount else {
        throw .parameterByteCount(name, declared: placement.byteCount, expected: item.parameter.byteCount)
      }
      if let last = end, placement.section != expected {
        try checkCovered(expected, upTo: last)
        expected += 1
        end = nil
      }
      let offset = end.map { aligned($0, to: ParameterPlacement.alignment) } ?? 0
      guard placement.section == expected, placement.offset == offset,
        placement.offset <= sections[expected].rawByteCount,
        placement.byteCount <= sections[expected].rawByteCount - placement.offset
      else { throw .parameterPlace(name, section: placement.section, offset: placement.offset) }
      end = placement.end
    }
    if let end { try checkCovered(expected, upTo: end) }
    if let unused = sections.indices.first(where: { $0 > expected && sections[$0].kind == .parameters }) {
      throw .sectionUnused(unused, from: 0)
    }
  }

  private func checkCovered(_ section: Int, upTo end: Int) throws(PackFormatError) {
    guard sections[section].rawByteCount == end else { throw .sectionUnused(section, from: end) }
  }
}
