import Foundation
import TestSupport
import Testing

/// The command line is a contract: names of options, members of JSON documents, what goes to which stream.
@Suite struct ContractTests {
  static func pack(_ arguments: [String] = []) throws -> (TemporaryFolder, String) {
    let folder = TemporaryFolder()
    let path = folder.path("model.swage")
    let run = try CommandRun("swage", ["compile", Fixtures.path("models/novelist-dense"), "-o", path] + arguments)
    try #require(run.status == 0, "\(run.error)")
    return (folder, path)
  }

  static func keys(_ run: CommandRun) -> Set<String> { Set((run.json["result"] as? [String: Any] ?? [:]).keys) }

  @Test func documentsHaveTheirMembers() throws {
    let (folder, pack) = try Self.pack(["--pass", "quantize bits=4 group=32"])
    let checkpoint = Fixtures.path("models/novelist-dense")
    let eval = Fixtures.path("texts/eval.txt")
    let verify = try CommandRun("swage", ["verify", checkpoint, pack, "--text", eval, "--tokens", "1024", "--json"])
    #expect(verify.json["schema"] as? String == "swage/1" && verify.json["ok"] as? Bool == true)
    #expect(
      Self.keys(verify).isSuperset(of: [
        "original", "compiled", "perplexity_ratio", "kl_divergence", "top1_agreement", "tokens", "file_bytes",
        "bits_per_weight", "gates",
      ]))
    let score = try CommandRun("swage-run", ["score", pack, "--text", eval, "--tokens", "512", "--json"])
    #expect(Self.keys(score).isSuperset(of: ["perplexity", "tokens"]))
    let generate = try CommandRun(
      "swage-run", ["generate", pack, "--prompt", "It was", "--tokens", "8", "--seed", "3", "--json"])
    #expect(Self.keys(generate).isSuperset(of: ["text", "ids"]))
    let bench = try CommandRun(
      "swage-run", ["bench", pack, "--prompt-tokens", "8", "--generate-tokens", "4", "--repetitions", "1", "--json"])
    #expect(
      Self.keys(bench).isSuperset(of: ["prompt_tokens_per_second", "generate_tokens_per_second", "threads", "isa"]))
    let info = try CommandRun("swage-run", ["info", pack, "--json"])
    #expect(
      Self.keys(info).isSuperset(of: [
        "architecture", "parameters", "file_bytes", "bits_per_weight", "context", "vocabulary", "tasks", "accuracy",
      ]))
    for input in [pack, checkpoint] {
      let inspect = try CommandRun("swage", ["inspect", input, "--json"])
      #expect(
        Self.keys(inspect).isSuperset(of: ["architecture", "parameters", "file_bytes", "bits_per_weight", "tensors"]),
        "\(inspect.error)")
      let ir = try CommandRun("swage", ["inspect", input, "--ir"])
      #expect(ir.output.contains("rms_norm") && ir.output.contains("@layers.7.mlp.down"))
    }
    let plan = try CommandRun("swage", ["plan", checkpoint, "--json"])
    #expect(Self.keys(plan).isSuperset(of: ["file_bytes", "peak_memory_bytes", "seconds", "steps"]))
    let compile = try CommandRun("swage", ["compile", checkpoint, "-o", folder.path("b.swage"), "--json"])
    #expect(Self.keys(compile).isSuperset(of: ["file_bytes", "peak_memory_bytes", "seconds", "steps"]))
    let passes = try CommandRun("swage", ["passes", "--json"])
    let described = (passes.json["result"] as? [String: Any])?["passes"] as? [[String: Any]] ?? []
    #expect(Set(described.compactMap { $0["name"] as? String }).isSuperset(of: ["cast", "quantize"]))
  }

  @Test func generationIsReproducible() throws {
    let (_, pack) = try Self.pack()
    let arguments = ["generate", pack, "--prompt", "It was a dark and", "--tokens", "24", "--seed", "11"]
    let first = try CommandRun("swage-run", arguments + ["--threads", "1"])
    let second = try CommandRun("swage-run", arguments + ["--threads", "3"])
    #expect(first.output == second.output && first.output.count > 20)
    #expect(first.error.contains("seed 11"))
  }

  @Test func stopTextEndsBeforeIt() throws {
    let (_, pack) = try Self.pack()
    let arguments = [
      "generate", pack, "--prompt", "The old man looked at the sea and", "--tokens", "40", "--temperature", "0",
      "--json",
    ]
    let whole = (try CommandRun("swage-run", arguments).json["result"] as? [String: Any])?["text"] as? String ?? ""
    let stopped =
      (try CommandRun("swage-run", arguments + ["--stop", "married"]).json["result"] as? [String: Any])?["text"]
      as? String
    let range = try #require(whole.range(of: "married"))
    #expect(stopped == String(whole[..<range.lowerBound]))
  }

  @Test func promptsMayBeginWithADash() throws {
    let (_, pack) = try Self.pack()
    let ids = { (arguments: [String]) in
      let run = try CommandRun("swage-run", ["tokenize", pack, "--json"] + arguments)
      return (run.json["result"] as? [String: Any])?["ids"] as? [Int]
    }
    #expect(try ids(["--prompt", "--text"]) == ids(["--prompt=--text"]))
    #expect(try ids(["--prompt", "--text"])?.isEmpty == false)
    let run = try CommandRun(
      "swage-run", ["generate", pack, "--prompt", "-", "--stop", "-x", "--tokens", "2", "--seed", "1"])
    #expect(run.status == 0, "\(run.error)")
  }

  @Test func packsWithoutTokenizerGenerateIDs() throws {
    let folder = TemporaryFolder()
    let pack = folder.path("model.swage")
    #expect(try CommandRun("swage", ["compile", Fixtures.path("tiny/llama"), "-o", pack]).status == 0)
    let arguments = ["generate", pack, "--ids", "1,2,3", "--tokens", "4", "--temperature", "0"]
    let document = try CommandRun("swage-run", arguments + ["--json"]).json
    let ids = try #require((document["result"] as? [String: Any])?["ids"] as? [Int])
    #expect(ids.count == 4)
    let printed = try CommandRun("swage-run", arguments).output
    #expect(printed == ids.map(String.init).joined(separator: ",") + "\n")
  }

  @Test func instructionSetsAgree() throws {
    let (_, pack) = try Self.pack(["--pass", "quantize bits=5 group=64"])
    let score = { (isa: String) in
      let run = try CommandRun(
        "swage-run",
        ["score", pack, "--text", Fixtures.path("texts/eval.txt"), "--tokens", "768", "--isa", isa, "--json"])
      return (run.status, (run.json["result"] as? [String: Any])?["perplexity"] as? Double ?? 0)
    }
    let scalar = try score("scalar")
    #expect(scalar.0 == 0)
    for isa in ["avx2", "avx512", "neon"] {
      let (status, perplexity) = try score(isa)
      #expect(status == 69 || abs(perplexity / scalar.1 - 1) < 1e-5, "\(isa)")
    }
  }

  @Test func measuredAccuracyIsRecorded() throws {
    let folder = TemporaryFolder()
    let list = folder.path("list.yaml")
    try Data(
      """
      version: 1
      passes:
        - quantize: { bits: 4, group: 32 }
      verify: { text: \(Fixtures.path("texts/eval.txt")), tokens: 2048, max-perplexity-increase: 0.001% }
      """.utf8
    ).write(to: URL(fileURLWithPath: list))
    let pack = folder.path("model.swage")
    let checkpoint = Fixtures.path("models/novelist-dense")
    let plan = try CommandRun("swage", ["plan", checkpoint, "--passes", list, "--json"])
    let run = try CommandRun("swage", ["compile", checkpoint, "--passes", list, "-o", pack, "--json"])
    #expect(run.status == 1, "the gate is not met: \(run.error)")
    let size = try FileManager.default.attributesOfItem(atPath: pack)[.size] as? Int
    #expect((plan.json["result"] as? [String: Any])?["file_bytes"] as? Int == size)
    let info = try CommandRun("swage-run", ["info", pack, "--json"])
    let accuracy = (info.json["result"] as? [String: Any])?["accuracy"] as? [[String: Any]]
    #expect(accuracy?.first?["text"] as? String == "eval.txt")
    #expect(accuracy?.first?["tokens"] as? Int == 2040)
  }

  @Test func carriesWhatStandsBesideTheWeights() throws {
    let checkpoint = try ScratchCheckpoint("models/novelist-dense")
    for name in ["tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(
        atPath: Fixtures.path("models/novelist-dense/\(name)"), toPath: checkpoint.folder.path(name))
    }
    let advice = #"{"temperature": 0.6, "top_k": 20, "top_p": 0.95, "do_sample": true, "min_p": 7, "eos_token_id": [0, 3]}"#
    try Data(advice.utf8).write(to: URL(fileURLWithPath: checkpoint.folder.path("generation_config.json")))
    let template = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    try Data(template.utf8).write(to: URL(fileURLWithPath: checkpoint.folder.path("chat_template.jinja")))
    let pack = TemporaryFolder().path("model.swage")
    #expect(try CommandRun("swage", ["compile", checkpoint.path, "-o", pack]).status == 0)
    let info = try CommandRun("swage-run", ["info", pack, "--json"])
    let result = try #require(info.json["result"] as? [String: Any], "\(info.error)")
    let generation = result["generation_defaults"] as? [String: Any] ?? [:]
    #expect(Set(generation.keys) == ["temperature", "top_k", "top_p", "do_sample"], "min_p is out of range")
    #expect(generation["temperature"] as? Double == 0.6 && generation["top_k"] as? Int == 20)
    #expect(result["chat_template"] as? Bool == true && result["tokenizer"] as? Bool == true)
    let names = (result["sources"] as? [[String: Any]])?.compactMap { $0["name"] as? String } ?? []
    #expect(Set(names).isSuperset(of: ["config.json", "model.safetensors", "tokenizer.json", "generation_config.json"]))
  }

  /// One outlier in every row of the head leaves a grid of 2 bits over the whole row nothing for the other weights.
  @Test func saysLoudlyWhenTheOutputIsGibberish() throws {
    let checkpoint = try ScratchCheckpoint("models/novelist-dense")
    try checkpoint.poke("lm_head.weight", elements: (0..<4096).map { $0 * 256 + $0 % 256 }, bits: 0x4000)
    let folder = TemporaryFolder()
    let arguments = ["compile", checkpoint.path, "--force", "-o", folder.path("m.swage"), "--pass"]
    let bad = try CommandRun("swage", arguments + ["quantize bits=8 group=256 symmetric=true head=2"])
    #expect(bad.status == 0 && bad.error.contains("THE OUTPUT IS GIBBERISH"), "\(bad.output)\(bad.error)")
    let good = try CommandRun("swage", arguments + ["quantize bits=8 group=256"])
    #expect(good.status == 0 && !good.error.contains("GIBBERISH"))
  }

  /// Steps that go through the blocks together stay together, so that the bytes are those of a compile that prints
  /// nothing.
  @Test func printingTheModelChangesNothing() throws {
    let arguments = [
      "compile", Fixtures.path("models/novelist-dense"), "--pass", "sparsify method=wanda targets=*.mlp.up", "--pass",
      "quantize method=gptq bits=3 group=32", "--calibration", Fixtures.path("texts/calibration.txt"),
      "--calibration-sequences", "4", "--calibration-length", "32",
    ]
    func compiled(_ more: [String]) throws -> (bytes: Data, printed: String) {
      let pack = TemporaryFolder().path("model.swage")
      let run = try CommandRun("swage", arguments + ["-o", pack] + more)
      #expect(run.status == 0, "\(run.error)")
      return (try Data(contentsOf: URL(fileURLWithPath: pack)), run.error)
    }
    let plain = try compiled([]), printing = try compiled(["--print-ir-after", "sparsify"])
    #expect(printing.bytes == plain.bytes)
    let header = try #require(printing.printed.split(separator: "\n").first { $0.hasPrefix("after ") })
    #expect(header.hasPrefix("after sparsify ") && header.contains(", quantize "))
    #expect(printing.printed.contains("sparse(2:4 grouped(bits=3 ") && !plain.printed.contains("sparse("))
  }

  @Test func printsTheModelAfterAStep() throws {
    let folder = TemporaryFolder()
    let run = try CommandRun(
      "swage",
      [
        "compile", Fixtures.path("tiny/llama"), "-o", folder.path("m.swage"), "--pass", "cast type=f16", "--print-ir-after",
        "cast",
      ])
    #expect(run.error.contains("dense(f16)") && !run.error.contains("dense(bf16)"), "\(run.error)")
  }

  @Test func runtimeLinksNothingOfTheCompileSide() throws {
    let libraries = try CommandRun(script: "ldd \"$TOOLS/swage-run\"").output
    #expect(libraries.contains("libc.so"))
    for name in ["jansson", "yaml", "crypto", "blas", "lapack"] {
      #expect(!libraries.contains(name), "\(libraries)")
    }
    #expect(!libraries.split(separator: "\n").contains { $0.contains("libFoundation.so") })
    let symbols = try CommandRun(
      script:
        """
        nm "$TOOLS/swage-run" 2>/dev/null \
        | grep -cE '(7PassKit|7ModelIR|16CheckpointImport|17CompressionPasses|11Calibration|13LinearAlgebra)' || true
        """
    )
    #expect(symbols.output == "0\n")
  }
}
