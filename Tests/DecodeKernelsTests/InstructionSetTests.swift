import DecodeKernels
import Diagnostics
import Foundation
import Testing

@Suite struct InstructionSetTests {
  @Test func theBestIsSupportedAndScalarAlwaysIs() throws {
    #expect(InstructionSet.best.isSupported && InstructionSet.scalar.isSupported)
    #expect(try InstructionSet.resolve(nil) == .best)
    for isa in InstructionSet.supported { #expect(try InstructionSet.resolve(isa.rawValue) == isa) }
  }

  @Test func whatTheProcessorLacksIsRefusedWithWhatItHas() throws {
    for isa in InstructionSet.allCases where !isa.isSupported {
      #expect(throws: KernelError.unsupportedInstructionSet(isa)) { try InstructionSet.resolve(isa.rawValue) }
      let diagnosis = KernelError.unsupportedInstructionSet(isa).diagnosis
      #expect(diagnosis.status == .unsupported && diagnosis.fix.contains("scalar"))
    }
    // No processor has both, so that the loop above is never empty.
    #expect(!(InstructionSet.neon.isSupported && InstructionSet.avx2.isSupported))
  }

  @Test(arguments: ["", "sse", "AVX2", "avx2 "])
  func unknownNamesAreRefused(name: String) {
    #expect(throws: KernelError.unknownInstructionSet(name)) { try InstructionSet.resolve(name) }
    #expect(KernelError.unknownInstructionSet(name).diagnosis.status == .usage)
  }

  #if os(Linux)
    /// The processor's own list of what it can do, as the system sees it.
    @Test func supportIsWhatTheSystemReports() throws {
      let text = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      let flags = Set(text.split(whereSeparator: \.isWhitespace))
      #expect(InstructionSet.avx2.isSupported == flags.isSuperset(of: ["avx2", "fma", "f16c"]))
      let wide: Set<Substring> = ["avx512f", "avx512bw", "avx512vl", "avx512dq"]
      #expect(InstructionSet.avx512.isSupported == flags.isSuperset(of: wide))
    }

    /// The C target puts nothing but its own prefix into the program's name space.
    @Test func kernelsExportOnlyPrefixedSymbols() throws {
      let program = URL(fileURLWithPath: CommandLine.arguments[0])
      let folder = program.deletingLastPathComponent().appendingPathComponent("CDecodeKernels.build").path
      let objects = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".o") }
      #expect(objects.count == 5)
      let nm = Process()
      nm.executableURL = URL(fileURLWithPath: "/usr/bin/nm")
      nm.arguments = ["-g", "--defined-only", "--format=posix"] + objects.map { "\(folder)/\($0)" }
      let output = Pipe()
      nm.standardOutput = output
      try nm.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      nm.waitUntilExit()
      let symbols = text.split(separator: "\n").filter { !$0.hasSuffix(":") && !$0.isEmpty }
      #expect(symbols.count >= 3 && symbols.allSatisfy { $0.hasPrefix("cdk_") }, "\(symbols)")
    }
  #endif
}
