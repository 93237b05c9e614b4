import TestSupport
import Testing

/// `swage-run bench-kernels`: every kind of weights is measured.
@Suite struct KernelBenchTests {
  @Test func everyKindIsMeasured() throws {
    let encodings = [
      "dense(f32)", "grouped(bits=4 group=32 symmetric scale=f16)", "trellis(bits=2)", "sparse(2:4 dense(bf16))",
      "low_rank(rank=4 dense(f16) dense(f16))", "sum(dense(f16) dense(bf16))",
    ]
    let run = try CommandRun(
      "swage-run",
      ["bench-kernels", "--shapes", "70x128", "--bytes", "50000", "--repetitions", "2", "--zeros", "0.9", "--json"]
        + encodings)
    #expect(run.status == 0, "\(run.error)")
    let result = try #require(run.json["result"] as? [String: Any])
    let matrices = try #require(result["matrices"] as? [[String: Any]])
    #expect(matrices.map { $0["weights"] as? String } == ["dense(bf16)"] + encodings + ["ternary, 90.0 % zeros"])
    for matrix in matrices {
      // Copies begin at multiples of 64 bytes. They take at least the bytes asked for, and would not with one less.
      let byteCount = try #require(matrix["bytes"] as? Int), copyCount = try #require(matrix["copies"] as? Int)
      let stride = (byteCount / copyCount + 63) / 64 * 64
      #expect(copyCount * stride >= 50_000 && (copyCount - 1) * stride < 50_000)
      let (speed, bits) = (matrix["weights_per_second"] as? Double, matrix["bits_per_weight"] as? Double)
      #expect(try #require(speed) > 0 && #require(bits) == 8 * Double(byteCount) / Double(copyCount) / 70 / 128)
    }
    #expect(matrices[0]["speedup"] as? Double == 1)
  }

  @Test func aTinyMatrixHasNotMoreCopiesThanTheLimit() throws {
    let run = try CommandRun(
      "swage-run", ["bench-kernels", "--shapes", "1x1", "--repetitions", "1", "--threads", "1", "--json", "dense(f32)"])
    let result = try #require(run.json["result"] as? [String: Any], "\(run.error)")
    let matrices = try #require(result["matrices"] as? [[String: Any]])
    #expect(matrices.map { $0["copies"] as? Int } == [65_536, 65_536])
  }

  @Test(arguments: [
    (["--shapes", "12"], 64, "bench.shape"), (["--shapes", "0x5"], 64, "bench.shape"), (["int4"], 64, "bench.encoding"),
    (["ternary(zeros=9 code=12 bytes=9 levels=row)"], 64, "bench.ternary"),
    (["--shapes", "8x9", "grouped(bits=4 group=32 symmetric scale=f16)"], 65, "kernel.shape-not-accepted"),
    (["--zeros", "1.5"], 64, "--zeros takes shares"), (["--repetitions", "0"], 64, "--repetitions takes"),
    (["--bytes", "1000TB"], 64, "--bytes takes at most 16GiB"),
    (["--bytes", "17179869185"], 64, "--bytes takes at most"),
    (["--shapes", "1x16777216", "--tokens", "1024"], 64, "--tokens 15 or less"),
    (["--shapes", "5x3,16777216x1", "--tokens", "16"], 64, "bench.vectors"),
  ])
  func badInput(arguments: [String], status: Int32, words: String) throws {
    let run = try CommandRun("swage-run", ["bench-kernels", "--bytes", "1000"] + arguments)
    #expect(run.status == status && run.error.contains(words), "\(run.status) \(run.error)")
  }
}
