"""Writes docs/results.md from the measurements."""

import json
import math
import os

import experiments
import plot

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(os.path.dirname(HERE), "results.md")


class Page:
    def __init__(self, measurements):
        self.measurements = measurements
        self.lines = []
        self.peers = json.load(open(os.path.join(HERE, "llama-cpp.json")))

    def text(self, *paragraphs):
        for paragraph in paragraphs:
            self.lines += [paragraph, ""]

    def table(self, columns, rows):
        self.lines.append("| " + " | ".join(columns) + " |")
        self.lines.append("|" + "---|" * len(columns))
        self.lines += ["| " + " | ".join(row) + " |" for row in rows] + [""]

    def get(self, name):
        return self.measurements.get(name)

    # Points (bytes, divergence) of one model, of ours or of llama.cpp's.

    def ours(self, model, prefixes=("lists/", "curve/", "search/")):
        return [
            (m["file_bytes"], m["kl_divergence"], name)
            for name, m in self.measurements.items()
            if name.endswith("/" + model) and name.startswith(prefixes)
        ]

    def theirs(self, model):
        return [
            (p["file_bytes"], p["kl_divergence"], p["type"])
            for p in self.peers
            if p["model"] == model and 0 < p["kl_divergence"] <= 0.2 and "+" in p["type"]
        ]


def front(points):
    """Those that no smaller file undercuts, by size."""
    kept = []
    for point in sorted(points):
        if not kept or point[1] < kept[-1][1]:
            kept.append(point)
    return kept


def interpolated(points, x, key, value):
    """`value` at `x` along `key`, linear between neighbours; None outside."""
    ordered = sorted(points, key=key)
    for a, b in zip(ordered, ordered[1:]):
        if key(a) <= x <= key(b) and key(a) < key(b):
            share = (x - key(a)) / (key(b) - key(a))
            return value(a) + share * (value(b) - value(a))
    return None


def size_at(points, divergence):
    return interpolated(points, math.log(divergence), lambda p: math.log(p[1]), lambda p: p[0])


def divergence_at(points, size):
    found = interpolated(points, size, lambda p: p[0], lambda p: math.log(p[1]))
    return None if found is None else math.exp(found)


def figure(value, form="{:.4g}"):
    return "–" if value is None else form.format(value)


def megabytes(count):
    return f"{count / 1e6:.3f}"


def accuracy(m):
    return [f"{m['perplexity_ratio']:.4f}", f"{m['kl_divergence']:.4g}", f"{m['top1_agreement'] * 100:.1f} %"]


def lists_section(page):
    page.text("## The pass lists")
    for model in experiments.MODELS:
        rows = []
        for name in experiments.lists():
            m = page.get(f"lists/{name}/{model}")
            if m:
                rows.append(
                    [f"`{name}`", f"{m['file_bytes']:,}", f"{m['bits_per_weight']:.3f}"] + accuracy(m)
                    + [f"{m['seconds']:.1f}", f"{m['peak_memory_bytes'] / 2**20:.0f}"])
        rows.sort(key=lambda row: -int(row[1].replace(",", "")))
        page.text(f"**{model}**")
        page.table(
            ["list", "bytes", "bits per weight", "perplexity ×", "KL divergence", "agreement", "compile s", "peak MiB"], rows)


def curve_section(page):
    page.text(
        "## Size against divergence, beside llama.cpp",
        "llama.cpp's points are its types with an importance matrix (200 chunks of the same calibration text), measured on the same "
        "windows of the same text (docs/results/llama-cpp.json); whole files in both cases. Ours are the pass lists and "
        "`allocate-bits` sent to a series of divergences.")
    for model in experiments.MODELS:
        ours, theirs = front(page.ours(model)), front(page.theirs(model))
        if len(ours) < 2:
            continue
        limit = max(p[1] for p in theirs)
        series = [
            ("Swage", [(s / 1e6, d, label) for s, d, label in ours if d <= 1.3 * limit and d > 1e-4], True),
            ("llama.cpp", [(s / 1e6, d, label) for s, d, label in theirs if d > 1e-4], True),
        ]
        with open(os.path.join(HERE, f"curve-{model}.svg"), "w") as file:
            file.write(plot.svg(model, series))
        page.text(f"![{model}](results/curve-{model}.svg)")
        rows = []
        for size, divergence, name in theirs:
            own_size, own_divergence = size_at(ours, divergence), divergence_at(ours, size)
            rows.append([
                name, megabytes(size), f"{divergence:.4g}", "–" if own_size is None else megabytes(own_size),
                figure(None if own_size is None else own_size / size, "{:.3f}"), figure(own_divergence),
                figure(None if own_divergence is None else own_divergence / divergence, "{:.3f}"),
            ])
        page.table(
            ["llama.cpp type", "MB", "KL", "our MB at its KL", "ratio", "our KL at its size", "ratio"], rows)


def rounding_section(page):
    page.text(
        "## Rounding: plain, imatrix, GPTQ",
        "Blocks only, groups of 64, embedding and head as they are: files of one size in each row of widths.")
    for model in experiments.MODELS:
        rows = []
        for bits in (2, 3, 4):
            found = {method: page.get(f"rounding/{bits}/{method}/{model}") for method in ("rtn", "imatrix", "gptq")}
            if not all(found.values()):
                continue
            rows.append(
                [str(bits), f"{found['gptq']['file_bytes']:,}"]
                + [f"{found[m]['kl_divergence']:.4g} (×{found[m]['perplexity_ratio']:.4f})" for m in found]
                + [f"{1 - found['imatrix']['kl_divergence'] / found['rtn']['kl_divergence']:.0%}",
                   f"{1 - found['gptq']['kl_divergence'] / found['imatrix']['kl_divergence']:.0%}"])
        page.text(f"**{model}**: KL divergence (perplexity)")
        page.table(
            ["bits", "bytes", "rtn", "imatrix", "gptq", "imatrix under rtn by", "gptq under imatrix by"], rows)


def plain_rows(page, model, names):
    rows = []
    for label, name in names:
        m = page.get(f"{name}/{model}")
        if m:
            rows.append([label, f"{m['file_bytes']:,}"] + accuracy(m) + [f"{m['seconds']:.1f}"])
    return rows


def plain_section(page, title, words, names):
    page.text(f"## {title}", *words)
    for model in experiments.MODELS:
        page.text(f"**{model}**")
        page.table(
            ["", "bytes", "perplexity ×", "KL divergence", "agreement", "compile s"], plain_rows(page, model, names))


def search_section(page):
    plain_section(
        page, "Bits found by Hessian bisection",
        ["A target of 2 % more perplexity, searched on held-out windows of the calibration text and measured here on text that no "
         "pass has seen. The uniform widths have embedding and head at their defaults (8 bits)."],
        [(f"uniform {bits} bits", f"search/uniform-{bits}") for bits in (2, 3, 4)]
        + [("hessian-bisection", "search/inter-layer-true"),
           ("hessian-bisection, inter-layer=false", "search/inter-layer-false")])
    for model in experiments.MODELS:
        met = [m for m in (page.get(f"search/uniform-{b}/{model}") for b in (2, 3, 4)) if m and m["perplexity_ratio"] <= 1.02]
        found = page.get(f"search/inter-layer-true/{model}")
        without = page.get(f"search/inter-layer-false/{model}")
        if met and found:
            smallest = min(m["file_bytes"] for m in met)
            page.text(
                f"{model}: the smallest uniform file within 2 % has {smallest:,} bytes, the file found {found['file_bytes']:,}: "
                f"{1 - found['file_bytes'] / smallest:.1%} less, at {100 * (found['perplexity_ratio'] - 1):.2f} % more perplexity."
                + (f" Without the inter-layer terms it has {without['file_bytes']:,} bytes at "
                   f"{100 * (without['perplexity_ratio'] - 1):.2f} %." if without else ""))


def experts_section(page):
    model = "novelist-moe"
    page.text(
        "## Experts", "All of this is of novelist-moe, with everything but the experts left as it is.", "### Pruned",
        "KL divergence (perplexity ×) with so many of the 16 experts of each layer left, or of all layers together; the router "
        "chooses two for a token as before.")
    rows = []
    for metric in ("frequency", "reap", "tcess", "energy"):
        row = [f"`{metric}`"]
        for share in (75, 50):
            for scope in ("layer", "global"):
                m = page.get(f"pruning/{share}/{scope}/{metric}/{model}")
                row.append(f"{m['kl_divergence']:.4g} (×{m['perplexity_ratio']:.4f})" if m else "–")
        rows.append(row)
    page.table(["metric", "75 %, each layer", "75 %, all layers", "50 %, each layer", "50 %, all layers"], rows)
    page.text("### Widths of their own")
    expert_rows(page, [
        ("uniform, 3 bits, groups of 64", "widths/uniform-3"), ("2, 3 or 4 bits by expert", "widths/mixed-3"),
        ("uniform, 2 bits, groups of 32", "widths/uniform-2"), ("2, 3 or 4 bits by expert", "widths/mixed-2")])
    page.text(
        "### Below one bit",
        "`pack-ternary`; bits of an expert weight with everything counted. The grid of QMoE is its least and largest weight of a row, "
        "damping 0.1 and natural order, in our code.")
    labels = {"qmoe": "QMoE's grid", "0.8-damping-0.02": "0.8, damping=0.02", "0.8-damping-1": "0.8, damping=1",
              "0.8-natural": "0.8, order=natural"}
    expert_rows(
        page,
        [("half the experts (tcess, all layers), 1.3", "ternary/half")]
        + [(labels.get(name, name), f"ternary/{name}") for name in experiments.TERNARY])
    page.text(
        "### A rate for each expert",
        "`allocate-bits method=experts` over all layers, `" + experiments.MIXED + "` to choose from where the line says nothing else, "
        "then `quantize method=gptq`. The rates in front count the experts that go, the bits after them only what is left.")
    labels = {
        "0.8-layer": "0.8, in each layer", "0.8-mc-moe": "0.8, importance=mc-moe",
        "0.8-all-stay": "0.8, ternary:0.3, 0.6 and 1.2, 2, 3, in each layer",
        "0.8-ternary": "0.8, ternary:0.3, 0.5, 0.8, 1.1 and 1.4, in each layer",
        "0.8-prune-and-widths": "0.8, prune, 2, 3, 4"}
    expert_rows(page, [(labels.get(name, name), f"rates/{name}") for name in experiments.RATES])


def expert_rows(page, names):
    rows = []
    for label, name in names:
        m = page.get(f"{name}/novelist-moe")
        if m:
            rows.append([label, f"{m['expert_bits']:.3f}", f"{m['file_bytes']:,}"] + accuracy(m) + [f"{m['seconds']:.1f}"])
    page.table(["", "bits of an expert weight", "bytes", "perplexity ×", "KL divergence", "agreement", "compile s"], rows)


def write(measurements):
    page = Page(measurements)
    page.text(
        "# Results",
        f"Both bundled models, measured by running the finished pack against the original on the first {experiments.TOKENS:,} tokens "
        "of `fixtures/texts/eval.txt` in windows of 256. No pass has seen this text; calibration is 128 sequences of 256 tokens of "
        "`fixtures/texts/calibration.txt` where a list does not say otherwise. Bytes are those of the whole file. Seconds and peak "
        "memory (resident set) are of the compile, on two shared cores of an Intel Xeon.",
        "`make results` measures everything anew and writes this page; docs/results/measurements.json has every figure with its "
        "command.")
    lists_section(page)
    curve_section(page)
    rounding_section(page)
    plain_section(
        page, "2:4 sparsity", ["Half of the block weights are zero; the rest stay 16-bit floats."],
        [(name, f"sparsity/{name}") for name in experiments.SPARSITY]
        + [("2:4 and 4 bits in one loop", "joint/joint"), ("2:4, then 4 bits", "joint/one-after-the-other")])
    plain_section(
        page, "Low rank", ["Factors as 16-bit floats, of as many parameters as the share says."],
        [(f"{share} %, {method}, {scope} ranks", f"factors/{share}/{method}-{scope}")
         for method, share, scope in experiments.FACTORS])
    search_section(page)
    experts_section(page)
    extra = os.path.join(HERE, "costs.md")
    if os.path.exists(extra):
        page.lines.append(open(extra).read().rstrip() + "\n")
    with open(PAGE, "w") as file:
        file.write("\n".join(page.lines).rstrip() + "\n")
