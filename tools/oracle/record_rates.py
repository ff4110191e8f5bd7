"""Records learning rates of real Paddle 2.6.2: schedules with random settings, and what PaddleOCR's wrappers make of a configuration.

    python tools/oracle/record_rates.py test/golden/rates

Writes schedules.json.gz, in the form of the files of test/golden/lr, and ocr.json.gz: configurations with the rate of every step.
"""
import gzip
import json
import math
import os
import sys

import numpy as np
from paddle.optimizer import lr as R

STEPS = 60
DRAWS = 16


class Nested:
    def __init__(self, name, args):
        self.name, self.args = name, args

    def make(self):
        return build(self.name, self.args)

    def record(self):
        return {"class": self.name, "args": self.args}


def build(name, args):
    return getattr(R, name)(**{k: v.make() if isinstance(v, Nested) else v for k, v in args.items()})


def draws(r):
    """Random settings of each class; a few of each start at a later epoch."""
    rate = lambda low=1e-4, high=2.0: float(np.exp(r.uniform(np.log(low), np.log(high))))
    whole = lambda low, high: int(r.randint(low, high + 1))
    chance = lambda p: r.rand() < p
    pick = lambda *choices: choices[r.randint(len(choices))]
    steps = lambda n, high: sorted({whole(1, high) for _ in range(n)})

    def piecewise():
        bounds = steps(whole(1, 5), 50)
        return dict(boundaries=bounds, values=[rate() for _ in range(len(bounds) + 1)])

    def polynomial():
        top = rate()
        return dict(learning_rate=top, decay_steps=whole(1, 70), end_lr=top * r.uniform(0, 1), power=pick(0.5, 1.0, 2.0, 1.7), cycle=chance(0.4))

    def inner():
        name = pick("CosineAnnealingDecay", "PolynomialDecay", "StepDecay", "ExponentialDecay", "PiecewiseDecay", "MultiStepDecay", "NaturalExpDecay")
        return Nested(name, given[name]())

    def warmup():
        start = rate(1e-4, 0.1)
        after = inner() if chance(0.7) else rate()
        return dict(learning_rate=after, warmup_steps=whole(1, 25), start_lr=start, end_lr=start + rate())

    def cyclic():
        base = rate(1e-3, 0.5)
        args = dict(base_learning_rate=base, max_learning_rate=base + rate(), step_size_up=whole(1, 12), mode=pick("triangular", "triangular2", "exp_range"))
        if chance(0.5):
            args["step_size_down"] = whole(1, 12)
        if args["mode"] == "exp_range":
            args["exp_gamma"] = float(r.uniform(0.8, 1.0))
        return args

    given = {
        "NoamDecay": lambda: dict(d_model=whole(1, 600), warmup_steps=whole(1, 40), learning_rate=rate()),
        "PiecewiseDecay": piecewise,
        "NaturalExpDecay": lambda: dict(learning_rate=rate(), gamma=float(r.uniform(0.001, 1.5))),
        "InverseTimeDecay": lambda: dict(learning_rate=rate(), gamma=float(r.uniform(0.001, 3))),
        "PolynomialDecay": polynomial,
        "LinearWarmup": warmup,
        "ExponentialDecay": lambda: dict(learning_rate=rate(), gamma=float(r.uniform(0.7, 0.999))),
        "MultiStepDecay": lambda: dict(learning_rate=rate(), milestones=steps(whole(1, 6), 55), gamma=float(r.uniform(0.1, 0.9))),
        "StepDecay": lambda: dict(learning_rate=rate(), step_size=whole(1, 30), gamma=float(r.uniform(0.1, 0.9))),
        "CosineAnnealingDecay": lambda: dict(learning_rate=rate(0.01), T_max=whole(1, 80), eta_min=pick(0, rate(1e-6, 0.01))),
        "CosineAnnealingWarmRestarts": lambda: dict(learning_rate=rate(0.01), T_0=whole(1, 20), T_mult=whole(1, 3), eta_min=pick(0, rate(1e-6, 0.01))),
        "OneCycleLR": lambda: dict(max_learning_rate=rate(), total_steps=whole(60, 90), divide_factor=float(r.uniform(2, 40)), end_learning_rate=rate(1e-6, 1e-3),
                                   phase_pct=float(r.uniform(0.15, 0.45)), anneal_strategy=pick("cos", "linear"), three_phase=chance(0.5)),
        "CyclicLR": cyclic,
        "LinearLR": lambda: dict(learning_rate=rate(), total_steps=whole(1, 70), start_factor=float(r.uniform(0.05, 1)), end_factor=float(r.uniform(0, 1))),
    }
    return given


def plain(v):
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return v.item() if isinstance(v, np.generic) else v


def record(name, args, jumps, metrics=None):
    s = build(name, args)
    step = (lambda t, i: t.step()) if metrics is None else (lambda t, i: t.step(metrics[i]))
    values = []
    for i in range(STEPS):
        values.append(float(s()))
        if i < STEPS - 1:
            step(s, i)
        if i == 19:
            state = plain(s.state_dict())
            other = build(name, args)
            other.set_state_dict(s.state_dict())
            reloaded = []
            for k in range(10):
                reloaded.append(float(other()))
                step(other, 20 + k)
    row = {"class": name, "args": {k: v.record() if isinstance(v, Nested) else v for k, v in args.items()}, "last_lr": values,
           "state_after_20_steps": state, "reloaded": reloaded, "reloaded_continues": reloaded == values[20:30]}
    if metrics is not None:
        row["metrics"] = metrics
    else:
        row["step_epoch"] = []
        for k in jumps:
            t = build(name, args)
            t.step(k)
            row["step_epoch"].append([k, float(t())])
    return row


def schedules():
    r = np.random.RandomState(20)
    rows = []
    for name, draw in draws(r).items():
        for i in range(DRAWS):
            rows.append(record(name, draw(), [int(k) for k in r.randint(0, 58, 4)]))
    for i in range(DRAWS):
        args = dict(learning_rate=float(r.uniform(0.1, 2)), mode=["min", "max"][i % 2], factor=float(r.uniform(0.1, 0.95)), patience=int(r.randint(0, 6)),
                    threshold=float(r.uniform(1e-5, 0.05)), threshold_mode=["rel", "abs"][i // 2 % 2], cooldown=int(r.randint(0, 4)), min_lr=float(r.choice([0, 0.01])))
        rows.append(record("ReduceOnPlateau", args, [], [float(v) for v in r.rand(STEPS)]))
    return rows


def warm(after, rate, config, steps):
    count = round(config.get("warmup_epoch", 0) * steps)
    return R.LinearWarmup(learning_rate=after, warmup_steps=count, start_lr=0.0, end_lr=rate) if count > 0 else after


def ocr_rate(config, epochs, steps):
    """What PaddleOCR's learning_rate.py does with a configuration, in Paddle's own schedules."""
    name, top = config.get("name", "Const"), config.get("learning_rate")
    if name == "Const":
        return warm(top, top, config, steps)
    if name == "Linear":
        return warm(R.PolynomialDecay(top, epochs * steps, config.get("end_lr", 0.0), config.get("power", 1.0)), top, config, steps)
    if name == "Cosine":
        return warm(R.CosineAnnealingDecay(top, T_max=epochs * steps), top, config, steps)
    if name == "Step":
        return warm(R.StepDecay(top, config["step_size"] * steps, config["gamma"]), top, config, steps)
    if name == "Piecewise":
        return warm(R.PiecewiseDecay([steps * e for e in config["decay_epochs"]], config["values"]), config["values"][0], config, steps)
    cycle = round(config["cycle"] * steps)
    cosine = R.LambdaDecay(top, lambda e: 1.0 if e == 0 else 0.5 * (1 + math.cos(math.pi * (e % cycle) / cycle)))
    return warm(cosine, top, config, steps)


def ocr():
    configs = [
        dict(name="Cosine", learning_rate=0.001), dict(name="Cosine", learning_rate=0.001, warmup_epoch=2), dict(name="Cosine", learning_rate=0.0005, warmup_epoch=0.5),
        dict(name="Linear", learning_rate=0.02, warmup_epoch=1), dict(name="Linear", learning_rate=0.02, end_lr=0.001, power=2.0), dict(name="Linear", learning_rate=0.3, power=0.5, warmup_epoch=1.5),
        dict(name="Step", learning_rate=0.01, step_size=2, gamma=0.5), dict(name="Step", learning_rate=0.01, step_size=3, gamma=0.1, warmup_epoch=1),
        dict(name="Piecewise", decay_epochs=[2, 5], values=[0.1, 0.05, 0.01]), dict(name="Piecewise", decay_epochs=[3, 6, 7], values=[1.0, 0.5, 0.25, 0.1], warmup_epoch=2),
        dict(name="CyclicalCosine", learning_rate=0.1, cycle=3), dict(name="CyclicalCosine", learning_rate=0.1, cycle=2.5, warmup_epoch=1),
        dict(name="Const", learning_rate=0.01), dict(learning_rate=0.25), dict(name="Const", learning_rate=0.01, warmup_epoch=3),
    ]
    rows = []
    for config in configs:
        for epochs, steps in ((8, 7), (10, 5)):
            rate = ocr_rate(config, epochs, steps)
            values = []
            for _ in range(epochs * steps):
                values.append(float(rate() if isinstance(rate, R.LRScheduler) else rate))
                if isinstance(rate, R.LRScheduler):
                    rate.step()
            rows.append({"config": config, "epochs": epochs, "stepsPerEpoch": steps, "rates": values})
    return rows


def write(path, value):
    with open(path, "wb") as f, gzip.GzipFile(filename="", fileobj=f, mode="wb", mtime=0) as z:
        z.write(json.dumps(value, separators=(",", ":")).encode())


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    rows = schedules()
    write(os.path.join(out, "schedules.json.gz"), {"paddle": "2.6.2", "cases": rows})
    wrapped = ocr()
    write(os.path.join(out, "ocr.json.gz"), {"paddle": "2.6.2", "cases": wrapped})
    print(len(rows), "schedules,", len(wrapped), "configurations")


if __name__ == "__main__":
    main()
