import Diagnostics
import PassKit
import TensorCore
import Testing

/// Which texts a list calibrates with, and the tasks they stand for.
@Suite struct CalibrationFilesTests {
  private func list(_ calibration: String) throws -> PassList {
    try PassList(
      parsing: Array("version: 1\ncalibration: \(calibration)\npasses: [sample]\n".utf8), path: "lists/a.yaml",
      catalog: .sample)
  }

  private func file(_ task: String?, _ path: String) -> CalibrationFile { CalibrationFile(task: task, path: path) }

  @Test func tasksKeepTheirOrder() throws {
    let tasks = try list("{ tasks: { prose: ../p.txt, code: /c.txt, a: b.txt }, sequences: 9 }")
    #expect(tasks.taskNames == ["prose", "code", "a"])
    #expect(
      tasks.calibrationFiles
        == [file("prose", "lists/../p.txt"), file("code", "/c.txt"), file("a", "lists/b.txt")])
    #expect(tasks.printed.contains(#"{ tasks: { "prose": "../p.txt", "code": "/c.txt", "a": "b.txt" }, sequences: 9"#))
    let names = tasks.withoutFolders
    #expect(names.printed.contains(#"tasks: { "prose": "p.txt", "code": "c.txt", "a": "b.txt" }"#))
    #expect(names.taskNames == tasks.taskNames && names != tasks)
    // Where texts lie is not how they are sampled.
    #expect(tasks.calibration?.samplingText == "sequences=9 length=256 seed=1")
    let one = try list("{ text: t.txt }")
    #expect(one.taskNames == [] && one.calibrationFiles == [file(nil, "lists/t.txt")])
    #expect(try list("{ seed: 3 }").calibrationFiles == [])
  }

  @Test(arguments: [
    ("{ text: a, tasks: { b: c } }", "passes.conflicting-options", "there are texts of tasks"),
    ("{ tasks: a.txt }", "passes.invalid-value", "names of tasks"),
    ("{ tasks: [a.txt] }", "passes.invalid-value", "names of tasks"),
    ("{ tasks: {} }", "passes.invalid-value", "names of tasks"),
    ("{ tasks: { \"\": a.txt } }", "passes.invalid-value", "names of tasks"),
    ("{ tasks: { a: \"\" } }", "passes.invalid-value", "names of tasks"),
    ("{ tasks: { auto: a.txt } }", "passes.invalid-value", "is not 'auto'"),
    ("{ tasks: { a b: a.txt } }", "passes.invalid-value", "letters, digits"),
    ("{ tasks: { é: a.txt } }", "passes.invalid-value", "letters, digits"),
    ("{ tasks: { a: [x] } }", "passes.wrong-shape", "'a' of tasks"),
    ("{ tasks: { a: } }", "passes.wrong-shape", "'a' of tasks"),
    ("{ tasks: { a: x, a: y } }", "passes.duplicate-key", "'a'"),
    ("{ text: { a: b } }", "passes.wrong-shape", "'text' of calibration"),
  ])
  func whatIsNoMappingOfTasksIsRefused(text: String, code: String, words: String) throws {
    let error = try #require(throws: PassListError.self) { try list(text) }
    let diagnosis = error.diagnosis
    #expect(diagnosis.code == code && diagnosis.status == .usage, "\(diagnosis)")
    #expect("\(diagnosis.what) \(diagnosis.why)".contains(words), "\(diagnosis)")
  }

  @Test func theCommandLineReplacesAllTextsOfTheList() throws {
    for written in ["{ text: t.txt, field: body, seed: 4 }", "{ tasks: { a: b.txt }, field: body, seed: 4 }"] {
      for files in [[file(nil, "x.txt")], [file("one", "x.txt")], [file("z", "x.txt"), file("y", "w.txt")]] {
        var list = try list(written)
        try list.override(CalibrationOverrides(files: files, length: 32))
        #expect(list.calibrationFiles == files && list.calibration?.field == nil)
        #expect(list.calibration?.seed == 4 && list.calibration?.length == 32)
        #expect(list.taskNames == files.compactMap(\.task))
      }
      var kept = try list(written)
      let before = kept.calibrationFiles
      try kept.override(CalibrationOverrides(length: 32))
      #expect(kept.calibrationFiles == before && kept.calibration?.field == "body")
    }
  }

  @Test func textsThatDoNotGoTogetherAreRefused() throws {
    let cases: [([CalibrationFile], String)] = [
      ([file(nil, "a"), file(nil, "b")], "--calibration is given 2 times"),
      ([file("a", "a"), file(nil, "b"), file("c", "d")], "--calibration is given 3 times"),
      ([file("a", "a"), file("a", "b")], "calibration is given 'a' twice"),
      ([file("", "a")], "'tasks' of calibration cannot be '{ : a }'"),
      ([file("a", "")], "'tasks' of calibration cannot be '{ a:  }'"),
      ([file("auto", "b"), file("a", "b")], "cannot be '{ auto: b, a: b }'"),
    ]
    for (files, words) in cases {
      var list = PassList.identity
      let error = try #require(throws: PassListError.self) { try list.override(CalibrationOverrides(files: files)) }
      #expect(error.diagnosis.what.contains(words) && error.diagnosis.status == .usage, "\(error.diagnosis)")
    }
  }
}
