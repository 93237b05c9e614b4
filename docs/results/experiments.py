"""What docs/results/run measures: a pass list or steps, on one of the two bundled models."""

import os
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

MODELS = ["novelist-dense", "novelist-moe"]
# 128 windows of 256 tokens of fixtures/texts/eval.txt, as llama.cpp's figures were taken.
TOKENS = 32768
CALIBRATION = "fixtures/texts/calibration.txt"


@dataclass
class Experiment:
    model: str
    arguments: list

    @property
    def command(self):
        words = [f"'{word}'" if " " in word else word for word in self.arguments]
        return f"swage compile fixtures/models/{self.model} " + " ".join(words)


def lists():
    """The pass lists that users start from, in order of size."""
    return sorted(name[:-5] for name in os.listdir(f"{ROOT}/passes") if name.endswith(".yaml"))


def steps(*texts):
    arguments = ["--calibration", CALIBRATION]
    for text in texts:
        arguments += ["--pass", text]
    return arguments


ROUNDING = [(method, bits) for bits in (2, 3, 4) for method in ("rtn", "imatrix", "gptq")]
SPARSITY = ["magnitude", "wanda", "sparsegpt", "armor"]
JOINT = {
    "joint": ["sparsify pattern=2:4 method=sparsegpt bits=4 group=64"],
    "one-after-the-other": ["sparsify pattern=2:4 method=sparsegpt", "quantize method=gptq bits=4 group=64 embedding=0 head=0"],
}
FACTORS = [
    (method, share, scope)
    for share in (80, 60)
    for method, scope in (("svd", "uniform"), ("whitened", "uniform"), ("whitened", "global"))
]
# Divergences that the mixed-precision search is sent to, for the curve of size against divergence.
CURVE = [0.06, 0.006]
SEARCH = "candidates=t2,t3,t4,5,6,8"


# Of the model with experts: everything else stays as it is.
PRUNING = [
    (metric, share, scope)
    for share in (75, 50)
    for scope in ("layer", "global")
    for metric in ("frequency", "reap", "tcess", "energy")
]
EXPERT_WIDTHS = {
    "uniform-3": ["quantize method=gptq bits=3 group=64 targets=*.experts.*"],
    "mixed-3": ["allocate-bits method=experts candidates=2,3,4 bits-per-weight=3.375", "quantize method=gptq targets=*.experts.*"],
    "uniform-2": ["quantize method=gptq bits=2 group=32 targets=*.experts.*"],
    "mixed-2": ["allocate-bits method=experts candidates=2,3,4 bits-per-weight=2.75", "quantize method=gptq targets=*.experts.*"],
}
MIXED = "prune,ternary:0.4,ternary:0.8,ternary:1.2,2,3"
RATES = {f"{bits}": f"scope=global candidates={MIXED} bits-per-weight={bits}" for bits in (0.4, 0.6, 0.8, 1.0, 1.5)} | {
    "0.8-layer": f"scope=layer candidates={MIXED} bits-per-weight=0.8",
    "0.8-mc-moe": f"scope=global importance=mc-moe candidates={MIXED} bits-per-weight=0.8",
    "0.8-all-stay": "scope=layer candidates=ternary:0.3,ternary:0.6,ternary:1.2,2,3 bits-per-weight=0.8",
    "0.8-ternary": "scope=layer candidates=ternary:0.3,ternary:0.5,ternary:0.8,ternary:1.1,ternary:1.4 bits-per-weight=0.8",
    "0.8-prune-and-widths": "scope=global candidates=prune,2,3,4 bits-per-weight=0.8",
}
TERNARY = {f"{bits}": f"bits-per-weight={bits}" for bits in (0.6, 0.7, 0.8, 0.9, 1.0, 1.11, 1.3, 1.6)} | {
    "qmoe": "grid=minmax damping=0.1 order=natural",
    "0.8-damping-0.02": "bits-per-weight=0.8 damping=0.02",
    "0.8-damping-1": "bits-per-weight=0.8 damping=1",
    "0.8-natural": "bits-per-weight=0.8 order=natural",
}


def searched(target):
    return steps(f"allocate-bits method=hessian-bisection {SEARCH} {target}", "quantize method=gptq")


def all():
    """Every experiment by name, `section/…/model`, in the order they are measured."""
    known = {}
    for model in MODELS:
        for name in lists():
            known[f"lists/{name}/{model}"] = Experiment(model, ["--passes", f"passes/{name}.yaml"])
        for method, bits in ROUNDING:
            known[f"rounding/{bits}/{method}/{model}"] = Experiment(
                model, steps(f"quantize method={method} bits={bits} group=64 embedding=0 head=0"))
    for model in MODELS:
        for bits in (2, 3, 4):
            known[f"search/uniform-{bits}/{model}"] = Experiment(model, steps(f"quantize method=gptq bits={bits} group=64"))
        for inter in ("true", "false"):
            known[f"search/inter-layer-{inter}/{model}"] = Experiment(
                model, searched(f"max-perplexity-increase=2% inter-layer={inter}"))
        for method in SPARSITY:
            known[f"sparsity/{method}/{model}"] = Experiment(model, steps(f"sparsify pattern=2:4 method={method}"))
        for name, texts in JOINT.items():
            known[f"joint/{name}/{model}"] = Experiment(model, steps(*texts))
    for model in MODELS:
        for method, share, scope in FACTORS:
            known[f"factors/{share}/{method}-{scope}/{model}"] = Experiment(
                model, steps(f"factorize method={method} parameters={share / 100} scope={scope}"))
        for divergence in CURVE:
            known[f"curve/{divergence}/{model}"] = Experiment(model, searched(f"max-kl={divergence}"))
    model = "novelist-moe"
    for metric, share, scope in PRUNING:
        known[f"pruning/{share}/{scope}/{metric}/{model}"] = Experiment(
            model, steps(f"prune-experts metric={metric} share={share / 100} scope={scope}"))
    for name, texts in EXPERT_WIDTHS.items():
        known[f"widths/{name}/{model}"] = Experiment(model, steps(*texts))
    for name, options in RATES.items():
        known[f"rates/{name}/{model}"] = Experiment(
            model, steps(f"allocate-bits method=experts {options}", "quantize method=gptq targets=*.experts.*"))
    known[f"ternary/half/{model}"] = Experiment(
        model, steps("prune-experts metric=tcess scope=global share=0.5", "pack-ternary bits-per-weight=1.3"))
    for name, options in TERNARY.items():
        known[f"ternary/{name}/{model}"] = Experiment(model, steps(f"pack-ternary {options}"))
    return known
