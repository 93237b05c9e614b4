extension PassCatalog {
  /// The reference of pass lists and passes as Markdown: the text of `docs/passes.md`.
  public func documentation() -> String {
    var text = """
      <!-- Generated from the pass catalog: change the declarations, then run the tests with RECORD_GOLDENS=1. -->

      # Passes and pass lists

      A pass list says what a compile does to a model, step by step:

      ```yaml
      version: 1
      passes:
        - quantize: { bits: 4, group: 64, targets: "*.mlp.*" }
        - quantize: { bits: 8 }
      verify: { text: ../fixtures/texts/eval.txt, max-perplexity-increase: 5% }
      ```

      `swage compile CHECKPOINT --passes list.yaml -o PACK` runs it. `--pass 'quantize bits=4 group=64'` appends a
      step: the same options as `key=value`, lists separated by commas. Without any list every tensor keeps its type.
      `swage plan` checks a list and shows what it will do without reading a weight.

      ## Rules of a list

      - `version: 1` comes with every list. Unknown keys, options given twice, values out of range and a list without
        passes are errors, each with its line and column.
      - A step without options may be a bare name.
      - Paths are relative to the list's own folder.
      - YAML anchors are refused. Patterns that begin with `*` or `!` must be in quotes, as YAML demands.
      - The canonical form of the list, with every default spelled out, is stored in the pack.

      ## Targets

      `targets` is a pattern over parameter names, or a list of them. `*` matches any characters, dots too; a leading
      `!` excludes, wherever it stands in the list; a pattern that matches no parameter is an error. A list of
      exclusions only starts from what the pass takes by default.

      By default a compressing pass takes every linear weight of the blocks (roles attention, mlp, expert and
      shared_expert) that is still dense; `quantize` also takes the kept values that `sparsify` left and the factors
      that `factorize` left, and `factorize correction=` takes what is quantized. A target that a pass cannot work on,
      such as a quantized one for another `quantize`, is an error. Routers and norms are taken only where the last word
      of a pattern names them without a star: `layers.*.mlp.router` names the routers, `layers.*` does not.

      ## Passes


      """
    text += descriptions.map(Self.section).joined(separator: "\n")
    text += "\n## Section `calibration`\n\n"
    text += "The text that calibrated passes look at, and how it is sampled.\n\n"
    text += Self.table(CalibrationSettings.options.map(OptionDescription.init))
    text += "\n## Section `verify`\n\nWhat is measured after a compile, and the gates it must meet.\n\n"
    text += Self.table(VerifySettings.options.map(OptionDescription.init))
    return text
  }

  private static func section(_ pass: PassDescription) -> String {
    let capitalised = pass.summary.prefix(1).uppercased() + pass.summary.dropFirst()
    return "### `\(pass.name)`\n\n\(capitalised).\n\n\(table(pass.options))\n\(pass.details)\n"
  }

  private static func table(_ options: [OptionDescription]) -> String {
    var text = "| option | takes | default | meaning |\n|---|---|---|---|\n"
    for option in options {
      let values = option.values.split(separator: "|").map { "`\($0)`" }.joined(separator: " ")
      let fallback = option.defaultValue.map { "`\($0)`" } ?? option.unsetMeaning ?? "required"
      text += "| `\(option.name)` | \(values) | \(fallback) | \(option.summary) |\n"
    }
    return text
  }
}
