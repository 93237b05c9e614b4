import Foundation
import TestSupport
import Testing

/// Holds who may import whom, and where `unsafe` may be written. SwiftPM alone stops neither transitive imports nor a row
/// that reaches up.
@Suite struct ImportTableTests {
  /// The rows of docs/architecture.md, lowest first. A target imports only targets of lower rows.
  static let rows: [[String]] = [
    ["Diagnostics", "TensorCore", "Parallelism", "CLZ4", "CXXHash", "CProtobufC", "CJansson", "CCrypto", "COpenBLAS"],
    ["ByteIO", "CPackManifest", "CSentencePiece"],
    ["ModelGraph", "Encodings", "Tokenization", "Metrics", "CDecodeKernels", "ForeignFormats", "LinearAlgebra"],
    ["ModelIR", "PackFormat", "DecodeKernels"],
    ["Execution", "CheckpointImport", "PassKit"],
    ["PackRuntime", "Calibration"],
    ["CompressionPasses", "Evaluation"],
    ["Compiler", "CommandLineKit"],
    ["swage", "swage-run"],
  ]

  /// What must never appear, however low it lies.
  static let forbidden: [String: Set<String>] = [
    "TensorCore": ["Glibc"],
    "ByteIO": ["ModelGraph", "Encodings"],
    "Tokenization": ["ByteIO", "ForeignFormats"],
    "Metrics": ["ByteIO", "ModelGraph", "ModelIR"],
    "ModelGraph": ["ByteIO", "TensorCore"],
    "Encodings": ["ByteIO", "ModelGraph"],
    "DecodeKernels": ["ByteIO", "ModelGraph"],
    "PackFormat": ["ModelIR", "ModelGraph", "DecodeKernels"],
    "ModelIR": ["ByteIO", "PassKit"],
    "CheckpointImport": ["PassKit", "PackFormat"],
    "PassKit": ["CompressionPasses", "ByteIO", "PackFormat"],
    "Calibration": ["PackFormat", "CheckpointImport"],
    "CompressionPasses": ["ByteIO", "PackFormat", "CheckpointImport"],
    "PackRuntime": ["ModelIR", "PassKit", "CheckpointImport", "ForeignFormats", "LinearAlgebra"],
    "Execution": ["Encodings", "ByteIO", "PackFormat", "LinearAlgebra"],
    "swage-run": [
      "ModelIR", "PassKit", "CheckpointImport", "ForeignFormats", "Compiler", "Evaluation", "CompressionPasses",
      "Calibration", "LinearAlgebra",
    ],
  ]

  /// The only targets that may write `unsafe`, each for one thing: see docs/decisions.
  static let unsafeTargets: Set<String> = [
    "ByteIO", "Parallelism", "DecodeKernels", "PackFormat", "ForeignFormats", "LinearAlgebra",
  ]

  static let platformModules: Set<String> = ["Glibc", "Synchronization", "Swift"]
  static let packageModules: [String: Set<String>] = [
    "ArgumentParser": ["CommandLineKit", "swage", "swage-run"],
    "Yams": ["PassKit"],
  ]

  static func targets() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: Fixtures.repository + "/Sources").sorted()
  }

  static func swiftFiles(of target: String) -> [(path: String, text: String)] {
    let root = Fixtures.repository + "/Sources/" + target
    let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return names.filter { $0.hasSuffix(".swift") }.sorted().compactMap { name in
      (try? String(contentsOfFile: root + "/" + name, encoding: .utf8)).map { ("\(target)/\(name)", $0) }
    }
  }

  static func imports(in text: String) -> [String] {
    text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard let index = words.firstIndex(of: "import"),
        words[..<index].allSatisfy({ $0.hasPrefix("@") || $0 == "public" || $0 == "internal" })
      else { return nil }
      let last = words.suffix(from: index + 1).last { !$0.hasPrefix("//") }
      return last.map { $0.split(separator: ".").first.map(String.init) ?? String($0) }
    }
  }

  @Test func everyTargetHasARow() throws {
    #expect(Set(try Self.targets()) == Set(Self.rows.joined()))
  }

  @Test func importsPointDown() throws {
    var row: [String: Int] = [:]
    for (index, names) in Self.rows.enumerated() { for name in names { row[name] = index } }
    for target in try Self.targets() {
      for file in Self.swiftFiles(of: target) {
        for module in Self.imports(in: file.text) where !Self.platformModules.contains(module) {
          if let allowed = Self.packageModules[module] {
            #expect(allowed.contains(target), "\(file.path) imports the package \(module)")
            continue
          }
          guard let below = row[module], let own = row[target] else {
            Issue.record("\(file.path) imports \(module), which the table does not know")
            continue
          }
          #expect(below < own, "\(file.path) imports \(module), which is not in a lower row")
          #expect(Self.forbidden[target]?.contains(module) != true, "\(file.path) may never import \(module)")
        }
      }
    }
  }

  @Test func packageManifestDeclaresEveryImport() throws {
    let manifest = try String(contentsOfFile: Fixtures.repository + "/Package.swift", encoding: .utf8)
    for target in try Self.targets() {
      let declaration = Self.declaration(of: target, in: manifest)
      for file in Self.swiftFiles(of: target) {
        for module in Self.imports(in: file.text) where !Self.platformModules.contains(module) {
          let word = module == "ArgumentParser" ? "argumentParser" : "\"\(module)\""
          #expect(declaration.contains(word), "\(file.path) imports \(module) without declaring it")
        }
      }
    }
  }

  /// The call in the package manifest that declares `target`, up to its closing parenthesis.
  static func declaration(of target: String, in manifest: String) -> Substring {
    let compact = manifest.replacing(/\(\s+/, with: "(")
    for opening in ["layer(\"\(target)\"", "tool(\"\(target)\"", ".target(name: \"\(target)\""] {
      guard let start = compact.range(of: opening)?.lowerBound else { continue }
      var depth = 0
      for index in compact[start...].indices {
        if compact[index] == "(" { depth += 1 }
        if compact[index] == ")" { depth -= 1 }
        if compact[index] == ")", depth == 0 { return compact[start...index] }
      }
    }
    return ""
  }

  @Test func unsafeHasAnAddress() throws {
    for target in try Self.targets() where !Self.unsafeTargets.contains(target) {
      for file in Self.swiftFiles(of: target) {
        for (number, line) in file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
          let code = line.split(separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
          let words = code.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "@") }
          #expect(!words.contains("unsafe") && !words.contains("@unsafe"), "\(file.path):\(number + 1) writes unsafe")
        }
      }
    }
  }

  @Test func nothingImportsFoundation() throws {
    for target in try Self.targets() {
      for file in Self.swiftFiles(of: target) {
        #expect(!Self.imports(in: file.text).contains { $0.hasPrefix("Foundation") }, "\(file.path)")
      }
    }
  }

  @Test func librariesNeverPrintOrExit() throws {
    let tools: Set<String> = ["swage", "swage-run", "CommandLineKit"]
    for target in try Self.targets() where !tools.contains(target) {
      for file in Self.swiftFiles(of: target) {
        for line in file.text.split(separator: "\n") where !line.contains("func print(") {
          for word in ["fatalError(", " print(", " exit(", "try!"] {
            #expect(!line.contains(word), "\(file.path): \(line)")
          }
        }
      }
    }
  }
}
