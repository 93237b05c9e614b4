/// What was measured and said about one step, or a part of it.
public struct StepFigures: Sendable, Equatable {
  /// Counts from 1.
  public let stepNumber: Int
  /// Parameters that were rewritten.
  public var parameterCount = 0
  /// Bytes of all values after it, less those before.
  public var byteCountChange = 0
  /// Σ (new − old)² over the weights that were rewritten.
  public var squaredError = 0.0
  /// Σ old² over them.
  public var squaredNorm = 0.0
  public var duration = Duration.zero
  public var notes: [String] = []
  public var tables: [ReportTable] = []

  public init(stepNumber: Int) { self.stepNumber = stepNumber }

  /// Adds a part of the same step; rows of tables with the same title follow one another in one table.
  mutating func add(_ part: StepFigures) {
    parameterCount += part.parameterCount
    byteCountChange += part.byteCountChange
    squaredError += part.squaredError
    squaredNorm += part.squaredNorm
    duration += part.duration
    notes += part.notes
    for table in part.tables {
      if let index = tables.firstIndex(where: { $0.title == table.title && $0.columns == table.columns }) {
        tables[index].append(contentsOf: table)
      } else {
        tables.append(table)
      }
    }
  }
}
