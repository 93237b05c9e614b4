import CompressionPasses
import Foundation
import PassKit
import TestSupport
import Testing

@Suite struct DocumentationTests {
  /// RECORD_GOLDENS=1 writes the file anew, and fails so that a recording run cannot pass for a check.
  @Test func theReferenceIsCurrent() throws {
    let path = Fixtures.repository + "/docs/passes.md"
    let text = PassCatalog.standard.documentation()
    if ProcessInfo.processInfo.environment["RECORD_GOLDENS"] != nil {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      Issue.record("recorded \(path)")
      return
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
  }

  @Test func namesAreUniqueAndInKebabCase() {
    let kebab = /[a-z0-9]+(-[a-z0-9]+)*/
    let names = PassCatalog.standard.names
    #expect(Set(names).count == names.count)
    for pass in PassCatalog.standard.descriptions {
      #expect(pass.name.wholeMatch(of: kebab) != nil && !pass.summary.isEmpty && !pass.details.isEmpty)
      #expect(Set(pass.options.map(\.name)).count == pass.options.count)
      #expect(pass.options.allSatisfy { $0.name.wholeMatch(of: kebab) != nil && !$0.summary.isEmpty })
    }
  }

  @Test func theListInTheReferenceIsAList() throws {
    let text = PassCatalog.standard.documentation()
    let list = try #require(
      text.components(separatedBy: "```yaml\n").dropFirst().first?.components(separatedBy: "```").first)
    #expect(try PassList(parsing: Array(list.utf8), path: "a.yaml", catalog: .standard).steps.count == 2)
  }

  @Test func descriptionsForATerminal() throws {
    let cast = try #require(PassCatalog.standard.descriptions.first { $0.name == "cast" })
    #expect(
      cast.text.hasPrefix(
        """
        cast: store dense weights in another floating-point type

          type=f32|f16|bf16  the type to store weights in (required)
          targets=GLOB,…     parameters to take (default: every dense parameter, norms and biases included)

        """))
    #expect(cast.options[0].isRequired && cast.options[0].defaultValue == nil)
    let quantize = try #require(PassCatalog.standard.descriptions.first { $0.name == "quantize" })
    #expect(
      quantize.options.map(\.name) == [
        "method", "codes", "bits", "group", "symmetric", "damping", "order", "embedding", "head", "targets",
      ])
    #expect(
      quantize.options.map(\.defaultValue)
        == ["rtn", "integers", "4", "64", "false", "0.01", "activation", "8", "8", nil])
    #expect(quantize.options[0].values == "rtn|imatrix|gptq")
  }
}
