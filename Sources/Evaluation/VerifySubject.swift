import PackRuntime

/// The pack under test and the text it is tested on: what a report says beside the measurements.
public struct VerifySubject: Sendable {
  public var packName: String
  public var checkpointName: String
  /// The text's file name, or how the ids were given.
  public var textName: String
  public var architecture: String
  public var parameterCount: Int
  public var fileByteCount: Int
  /// Bytes of the checkpoint's files, where known.
  public var originalByteCount: Int?
  /// Every byte of the file over the model's weights.
  public var bitsPerWeight: Double
  /// Bits per weight of the values, by role.
  public var bitsPerWeightByRole: [(role: String, bitsPerWeight: Double)]
  /// The canonical pass list, empty for the identity.
  public var passList: String
  public var toolVersion: String
  /// The checkpoint's files with their SHA-256 digests in hex.
  public var sources: [(name: String, digest: String)]

  public init(
    packName: String, checkpointName: String, textName: String, architecture: String, parameterCount: Int,
    fileByteCount: Int, originalByteCount: Int?, bitsPerWeight: Double,
    bitsPerWeightByRole: [(role: String, bitsPerWeight: Double)], passList: String, toolVersion: String,
    sources: [(name: String, digest: String)]
  ) {
    self.packName = packName
    self.checkpointName = checkpointName
    self.textName = textName
    self.architecture = architecture
    self.parameterCount = parameterCount
    self.fileByteCount = fileByteCount
    self.originalByteCount = originalByteCount
    self.bitsPerWeight = bitsPerWeight
    self.bitsPerWeightByRole = bitsPerWeightByRole
    self.passList = passList
    self.toolVersion = toolVersion
    self.sources = sources
  }

  public init(
    _ pack: PackSummary, packName: String, checkpointName: String, textName: String, originalByteCount: Int? = nil
  ) {
    self.init(
      packName: packName, checkpointName: checkpointName, textName: textName, architecture: pack.architecture,
      parameterCount: pack.parameterCount, fileByteCount: pack.fileByteCount, originalByteCount: originalByteCount,
      bitsPerWeight: pack.bitsPerWeight, bitsPerWeightByRole: pack.bitsPerWeightByRole, passList: pack.passList,
      toolVersion: pack.toolVersion, sources: pack.sources)
  }
}
