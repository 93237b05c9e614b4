import Foundation
import TestSupport
import Testing

/// Bad input: one clear error each, nothing written, nothing crashed.
@Suite struct BadInputTests {
  /// Compiles and expects an error with `status` and `code` that mentions all of `words`, and no output.
  static func refuses(
    _ checkpoint: String, _ arguments: [String] = [], status: Int32, code: String, _ words: [String] = [],
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    let folder = TemporaryFolder()
    let run = try CommandRun("swage", ["compile", checkpoint, "-o", folder.path("out.swage"), "--json"] + arguments)
    #expect(run.status == status, "\(run.error)", sourceLocation: location)
    #expect(run.errorCode == code, "\(run.error)", sourceLocation: location)
    #expect(run.json["ok"] as? Bool == false, sourceLocation: location)
    for word in words { #expect(run.error.contains(word), "'\(word)' in \(run.error)", sourceLocation: location) }
    let error = run.json["error"] as? [String: Any] ?? [:]
    for key in ["what", "where", "why", "fix"] {
      #expect((error[key] as? String)?.isEmpty == false, "\(key) in \(run.error)", sourceLocation: location)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [], sourceLocation: location)
  }

  @Test func missingFiles() throws {
    try Self.refuses("/nonexistent/folder", status: 66, code: "file.not-found")
    let checkpoint = try ScratchCheckpoint()
    try FileManager.default.removeItem(atPath: checkpoint.folder.path("config.json"))
    try Self.refuses(checkpoint.path, status: 66, code: "checkpoint.config-missing", ["config.json"])
    let weightless = try ScratchCheckpoint()
    try FileManager.default.removeItem(atPath: weightless.folder.path("model.safetensors"))
    let run = try CommandRun("swage", ["inspect", weightless.path])
    #expect(run.status == 66)
  }

  @Test func inputsOfAnotherKind() throws {
    let folder = TemporaryFolder()
    let pack = folder.path("model.swage")
    #expect(try CommandRun("swage", ["compile", Fixtures.path("tiny/llama"), "-o", pack]).status == 0)
    try Self.refuses(pack, status: 65, code: "checkpoint.not-a-checkpoint")
    let run = try CommandRun("swage-run", ["info", Fixtures.path("tiny/llama"), "--json"])
    #expect(run.status == 65 && run.errorCode == "model.folder" && run.error.contains("swage compile"))
    let other = try CommandRun("swage", ["verify", Fixtures.path("tiny/qwen3"), pack, "--ids", "1,2,3,4", "--json"])
    #expect(other.status == 65 && other.errorCode == "verify.other-checkpoint")
    let pointer = try ScratchCheckpoint()
    let text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 281336\n"
    try Data(text.utf8).write(to: URL(fileURLWithPath: pointer.folder.path("model.safetensors")))
    try Self.refuses(pointer.path, status: 65, code: "safetensors.pointer-file", ["git lfs pull"])
  }

  @Test func unsupportedModels() throws {
    let unknown = try ScratchCheckpoint()
    try unknown.config(["model_type": "lama", "architectures": ["LamaForCausalLM"]])
    let run = try CommandRun("swage", ["inspect", unknown.path])
    #expect(run.status == 69)
    for name in ["llama", "mistral", "qwen2", "qwen3", "mixtral", "qwen2_moe", "qwen3_moe", "olmoe"] {
      #expect(run.error.contains(name), "\(run.error)")
    }
    let quantized = try ScratchCheckpoint()
    try quantized.config(["quantization_config": ["quant_method": "gptq", "bits": 4]])
    let refused = try CommandRun("swage", ["inspect", quantized.path])
    #expect(refused.status == 69 && refused.error.contains("gptq"))
    let scaled = try ScratchCheckpoint()
    try scaled.config(["rope_parameters": ["rope_type": "yarn", "factor": 4, "rope_theta": 10000]])
    let yarn = try CommandRun("swage", ["inspect", scaled.path])
    #expect(yarn.status == 69 && yarn.error.contains("yarn"))
  }

  @Test func tensorsThatDoNotFit() throws {
    let missing = try ScratchCheckpoint()
    try missing.header { header in
      header["renamed"] = header.removeValue(forKey: "model.layers.1.mlp.up_proj.weight")
    }
    let run = try CommandRun("swage", ["inspect", missing.path])
    #expect(run.status == 65 && run.error.contains("model.layers.1.mlp.up_proj.weight"))
    let shape = try ScratchCheckpoint()
    try shape.config(["intermediate_size": 256])
    let wrong = try CommandRun("swage", ["inspect", shape.path])
    #expect(wrong.status == 65 && wrong.error.contains("mlp"))
    let type = try ScratchCheckpoint()
    try type.header { header in
      var tensor = header["model.norm.weight"] as? [String: Any] ?? [:]
      tensor["dtype"] = "I16"
      header["model.norm.weight"] = tensor
    }
    let integer = try CommandRun("swage", ["inspect", type.path])
    #expect([65, 69].contains(integer.status) && integer.error.contains("model.norm.weight"))
  }

  @Test(
    arguments: [UInt16(0x7FC0), 0x7F80], [[], ["--pass", "quantize bits=4 group=32"], ["--pass", "cast type=f32"]])
  func weightsThatAreNotFinite(bits: UInt16, steps: [String]) throws {
    let checkpoint = try ScratchCheckpoint()
    try checkpoint.poke("model.layers.1.mlp.down_proj.weight", element: 129, bits: bits)
    let folder = TemporaryFolder()
    let run = try CommandRun("swage", ["compile", checkpoint.path, "-o", folder.path("out.swage")] + steps)
    #expect(run.status == 65)
    #expect(run.error.contains("layers.1.mlp.down"), "\(run.error)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  @Test func stepsThatAreNotUnderstood() throws {
    let llama = Fixtures.path("tiny/llama")
    try Self.refuses(llama, ["--pass", "quantise bits=4"], status: 64, code: "passes.unknown-pass", ["quantize"])
    for (step, word) in [
      ("quantize bit=4", "bits"), ("quantize bits=9", "8"), ("quantize bits=4 bits=4", "bits"),
      ("quantize group=7", "group"),
      ("quantize targets=*.nothing", "*.nothing"), ("quantize method=awq", "rtn"), ("cast", "type"),
      ("", "names no pass"),
    ] {
      let folder = TemporaryFolder()
      let run = try CommandRun("swage", ["compile", llama, "-o", folder.path("out.swage"), "--pass", step])
      #expect(run.status == 64, "\(step): \(run.error)")
      #expect(run.error.contains(word), "\(step): \(run.error)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
    let twice = try CommandRun(
      "swage",
      ["plan", llama, "--pass", "quantize bits=4 group=32", "--pass", "quantize bits=3 group=32 targets=*.mlp.*"])
    #expect(twice.status == 64, "\(twice.error)")
  }

  @Test func outputsThatCannotBeWritten() throws {
    let llama = Fixtures.path("tiny/llama")
    let folder = TemporaryFolder()
    let existing = folder.path("out.swage")
    try Data("precious".utf8).write(to: URL(fileURLWithPath: existing))
    #expect(try CommandRun("swage", ["compile", llama, "-o", existing]).status == 73)
    #expect(try Data(contentsOf: URL(fileURLWithPath: existing)) == Data("precious".utf8))
    #expect(try CommandRun("swage", ["compile", llama, "-o", existing, "--force"]).status == 0)
    #expect(try CommandRun("swage", ["compile", llama, "-o", folder.path("no/such/folder.swage")]).status == 73)
    #expect(try CommandRun("swage", ["compile", llama, "-o", folder.path]).status == 73)
  }

  /// A file size limit makes writes fail as a full disk does, at several places of the file.
  @Test(arguments: [1, 64, 200])
  func diskThatFillsUp(kibibytes: Int) throws {
    let folder = TemporaryFolder()
    let run = try CommandRun(
      script: """
        trap '' XFSZ; ulimit -f \(kibibytes)
        exec "$TOOLS/swage" compile fixtures/tiny/llama -o \(folder.path)/out.swage
        """)
    #expect(run.status == 74, "\(run.error)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  /// A checkpoint of half a terabyte, nearly all of it a hole in a sparse file.
  @Test func diskThatIsTooSmall() throws {
    let checkpoint = try ScratchCheckpoint()
    let vocabularyCount = 1 << 30, width = 64
    try checkpoint.config(["vocab_size": vocabularyCount])
    var end = 0
    try checkpoint.header { header in
      for (name, entry) in header.sorted(by: { $0.key < $1.key }) {
        guard var tensor = entry as? [String: Any], var shape = tensor["shape"] as? [Int] else { continue }
        let isTable = name == "lm_head.weight" || name == "model.embed_tokens.weight"
        if isTable {
          shape = [vocabularyCount, width]
          tensor["dtype"] = "F32"
        }
        let byteCount = shape.reduce(isTable ? 4 : 2, *)
        tensor["shape"] = shape
        tensor["data_offsets"] = [end, end + byteCount]
        header[name] = tensor
        end += byteCount
      }
    }
    let weights = try FileHandle(forUpdating: URL(fileURLWithPath: checkpoint.folder.path("model.safetensors")))
    let length = try weights.read(upToCount: 8)?.enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * $1.offset) }
    try weights.truncate(atOffset: 8 + (length ?? 0) + UInt64(end))
    let plan = try CommandRun("swage", ["plan", checkpoint.path, "--json"])
    #expect(plan.status == 73 && plan.errorCode == "compile.disk-too-small", "\(plan.output)")
    try Self.refuses(checkpoint.path, status: 73, code: "compile.disk-too-small", ["bytes are needed"])
  }

  /// What a pack cannot be measured on is found before any work, and so is what a pass without calibration works in.
  @Test func whatWouldFailAtTheEndIsRefusedAtTheStart() throws {
    let folder = TemporaryFolder()
    try Data("a".utf8).write(to: URL(fileURLWithPath: folder.path("a.txt")))
    let step = ["--pass", "cast type=f16"]
    try Self.refuses(
      Fixtures.path("tiny/llama"), step + ["--verify-text", Fixtures.path("texts/eval.txt")], status: 69,
      code: "compile.no-tokenizer")
    let dense = Fixtures.path("models/novelist-dense")
    try Self.refuses(
      dense, step + ["--verify-text", folder.path("a.txt")], status: 65, code: "score.too-few-tokens")
    try Self.refuses(
      dense, ["--pass", "factorize energy=0.9 method=svd", "--memory", "50MiB", "--threads", "2"], status: 75,
      code: "compile.memory-limit")
  }

  /// A search keeps its candidates on the disk: 4 and 8 bits of a layer's matrices, beside the pack and its values.
  @Test func candidatesCountAsDiskSpace() throws {
    func diskByteCount(_ candidates: String) throws -> Int {
      let run = try CommandRun(
        "swage",
        [
          "plan", Fixtures.path("models/novelist-dense"), "--json", "--pass",
          "allocate-bits size=100MB group=32 candidates=\(candidates) targets=layers.0.mlp.up", "--pass",
          "quantize method=gptq targets=layers.0.mlp.up", "--calibration", Fixtures.path("texts/calibration.txt"),
          "--calibration-sequences", "8", "--calibration-length", "32",
        ])
      return try #require((run.json["result"] as? [String: Any])?["disk_bytes"] as? Int, "\(run.error)")
    }
    // 768 · 256 weights of 4 bits, and in groups of 32 a scale and a zero point of 3 bytes.
    #expect(try diskByteCount("8,4") - diskByteCount("8") == 768 * 256 / 2 + 768 * 256 / 32 * 3)
  }

  @Test func memoryThatIsTooLittle() throws {
    try Self.refuses(Fixtures.path("tiny/llama"), ["--memory", "1MiB"], status: 75, code: "compile.memory-limit")
  }

  @Test func textsToMeasureOnThatAreMissing() throws {
    let folder = TemporaryFolder()
    let list = folder.path("list.yaml")
    let text = "version: 1\npasses:\n  - cast: { type: f16 }\nverify: { text: missing.txt }\n"
    try Data(text.utf8).write(to: URL(fileURLWithPath: list))
    let checkpoint = Fixtures.path("tiny/llama")
    let plan = try CommandRun("swage", ["plan", checkpoint, "--passes", list, "--json"])
    #expect(plan.status == 66 && plan.error.contains(folder.path("missing.txt")), "\(plan.error)")
    // Refused before the first weight, which is not finite, is read.
    let broken = try ScratchCheckpoint()
    try broken.poke("model.embed_tokens.weight", element: 0, bits: 0x7FC0)
    try Self.refuses(broken.path, ["--passes", list], status: 66, code: "file.not-found")
    try Self.refuses(broken.path, ["--verify-text", "/nonexistent.txt"], status: 66, code: "file.not-found")
  }

  @Test func resultsThatCannotBeWritten() throws {
    let run = try CommandRun(script: "exec \"$TOOLS/swage\" inspect fixtures/tiny/llama > /dev/full")
    #expect(run.status == 74 && run.error.contains("standard output"), "\(run.error)")
    let closed = try CommandRun(script: "exec \"$TOOLS/swage\" passes >&-")
    #expect(closed.status == 74)
  }

  @Test func promptsThatDoNotFit() throws {
    let folder = TemporaryFolder()
    let pack = folder.path("model.swage")
    #expect(try CommandRun("swage", ["compile", Fixtures.path("tiny/llama"), "-o", pack]).status == 0)
    let long = (0..<300).map { _ in "1" }.joined(separator: ",")
    let tooLong = try CommandRun("swage-run", ["generate", pack, "--ids", long, "--json"])
    #expect(tooLong.status == 65 && tooLong.errorCode == "execution.context-exceeded")
    let outside = try CommandRun("swage-run", ["generate", pack, "--ids", "1,512", "--json"])
    #expect(outside.status == 65 && outside.errorCode == "execution.token-out-of-range")
    let text = try CommandRun("swage-run", ["generate", pack, "--prompt", "text", "--json"])
    #expect(text.status == 69 && text.errorCode == "model.no-tokenizer")
    #expect(try CommandRun("swage-run", ["generate", pack, "--ids", "1,x"]).status == 64)
    #expect(try CommandRun("swage-run", ["generate", pack, "--ids", "1", "--top-p", "2"]).status == 64)
    #expect(try CommandRun("swage-run", ["generate", pack, "--ids", "1", "--isa", "mmx"]).status == 64)
    #expect(try CommandRun("swage-run", ["generate", pack]).status == 64)
    #expect(try CommandRun("swage-run", ["info", folder.path("none.swage")]).status == 66)
  }

  @Test func packsThatAreDamaged() throws {
    let folder = TemporaryFolder()
    let pack = folder.path("model.swage")
    #expect(try CommandRun("swage", ["compile", Fixtures.path("tiny/qwen3-moe"), "-o", pack]).status == 0)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: pack))
    let damaged = folder.path("damaged.swage")
    for length in [0, 7, 63, 64, 1000, bytes.count / 2, bytes.count - 64, bytes.count - 1] {
      try bytes.prefix(length).write(to: URL(fileURLWithPath: damaged))
      let run = try CommandRun("swage-run", ["generate", damaged, "--ids", "1", "--tokens", "1"])
      #expect(run.status == 65, "\(length): \(run.error)")
    }
    var newer = bytes
    newer[8] = 2
    try newer.write(to: URL(fileURLWithPath: damaged))
    #expect(try CommandRun("swage-run", ["info", damaged]).status == 69)
    var flipped = bytes
    flipped[bytes.count / 2] ^= 1
    try flipped.write(to: URL(fileURLWithPath: damaged))
    #expect(try CommandRun("swage-run", ["generate", damaged, "--ids", "1", "--tokens", "1"]).status == 65)
  }
}
