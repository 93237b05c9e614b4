import Foundation

/// One run of a built tool.
public struct CommandRun: Sendable {
  public let status: Int32
  public let output: String
  public let error: String

  /// Folder of the built products: where this test program itself lies.
  public static let productFolder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().path

  /// Runs `tool` (such as `swage-run`) with `arguments` in the repository's folder and waits for it.
  public init(_ tool: String, _ arguments: [String]) throws {
    try self.init(executable: Self.productFolder + "/" + tool, arguments)
  }

  /// Runs `script` in bash with `$TOOLS` set to the folder of the built tools.
  public init(script: String) throws {
    try self.init(executable: "/bin/bash", ["-c", "TOOLS='\(Self.productFolder)'; \(script)"])
  }

  private init(executable: String, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: Fixtures.repository)
    let folder = TemporaryFolder()
    let outputPath = folder.path("stdout"), errorPath = folder.path("stderr")
    for path in [outputPath, errorPath] { try Data().write(to: URL(fileURLWithPath: path)) }
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: outputPath))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errorPath))
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    output = String(decoding: try Data(contentsOf: URL(fileURLWithPath: outputPath)), as: UTF8.self)
    error = String(decoding: try Data(contentsOf: URL(fileURLWithPath: errorPath)), as: UTF8.self)
  }

  /// The output as a JSON object, empty when it is none.
  public var json: [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(output.utf8))) as? [String: Any] ?? [:]
  }

  /// The code of the error object of the JSON output.
  public var errorCode: String? { (json["error"] as? [String: Any])?["code"] as? String }
}
