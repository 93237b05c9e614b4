import Foundation
import ForeignFormats
import CheckpointImport
import Testing
import Tokenization
@Suite(.serialized) struct ZFuzz {
  @Test func zspeed() throws {
    let text = String(decoding: try required(fixtureBytes("texts/eval.txt")), as: UTF8.self)
    let clock = ContinuousClock()
    for name in ["models/novelist-dense", "models/novelist-moe"] + ["unigram-nfkc", "unigram-bytes", "bpe-nfkc", "unigram-unescaped", "gpt2", "llama3", "qwen2", "llama2-normalizer", "digits"].map({ "tokenizers/" + $0 }) {
      var t: Tokenizer?
      let load = try clock.measure { t = try tokenizer(name) }
      var ids: [Int] = []
      let d = clock.measure { ids = t!.encode(text) }
      var s = ""
      let dd = try clock.measure { s = try t!.decode(ids) }
      let bytes = t!.tables.serialized()
      let l2 = try clock.measure { _ = try Tokenizer(TokenizerTables(deserializing: bytes.span)) }
      print("ZZ", name, ids.count, ids.enumerated().reduce(0) { $0 + $1.element * ($1.offset % 65521) }, "load", load, "encode", d, "decode", dd, s.utf8.count, "tables", bytes.count, l2)
    }
    let big = [UInt8](FileManager.default.contents(atPath: "/tmp/probe/big.json")!)
    var v: JSONValue?
    print("ZZ big", try clock.measure { v = try parseJSON(big) }, v!["model"]!["merges"]!.array!.count)
    var w = "x"
    for _ in 0..<20 { w += w }
    for name in ["models/novelist-dense", "models/novelist-moe", "tokenizers/unigram-bytes"] {
      let t = try tokenizer(name)
      print("ZZ one word of 1 MB", name, clock.measure { _ = t.encode(w) })
    }
  }
}
