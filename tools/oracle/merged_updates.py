"""Records the cases of merged_adam and merged_momentum from paddlepaddle==2.6.2, in the format of test/golden/ops.

    python tools/oracle/merged_updates.py OUTDIR
"""
import gzip, os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from op_case_engine import *

SHAPES = [(2, 3), (4,), (1,)]
rate = lambda v=0.1, dt="float32": V([v], dt)


def many(make, shapes, dt): return [make(*s, dt=dt) for s in shapes]


def adam(name, attrs=None, shapes=SHAPES, dt="float32", b=(.9, .999), rates=None, err=None, extra=None):
    inputs = {"Param": many(F, shapes, dt), "Grad": many(F, shapes, dt), "LearningRate": rates or [rate(dt=dt) for _ in shapes],
              "Moment1": many(F, shapes, dt), "Moment2": [F(*s, lo=0, hi=2, dt=dt) for s in shapes],
              "Beta1Pow": [V([b[0]], dt) for _ in shapes], "Beta2Pow": [V([b[1]], dt) for _ in shapes], **(extra or {})}
    alias = {s + "Out": s for s in ("Param", "Moment1", "Moment2", "Beta1Pow", "Beta2Pow")}
    return case("merged_adam", name, inputs, attrs, alias, shapes, dt, err)


def momentum(name, attrs=None, shapes=SHAPES, dt="float32", rates=None, err=None, extra=None):
    inputs = {"Param": many(F, shapes, dt), "Grad": many(F, shapes, dt), "LearningRate": rates or [rate(dt=dt) for _ in shapes],
              "Velocity": many(F, shapes, dt), **(extra or {})}
    return case("merged_momentum", name, inputs, {"mu": 0.9, **(attrs or {})}, {"ParamOut": "Param", "VelocityOut": "Velocity"}, shapes, dt, err)


def case(op, name, inputs, attrs, alias, shapes, dt, err):
    steps = [] if err else [{"Grad": many(F, shapes, dt)} for _ in range(2)]
    return Case(op, name, inputs, attrs, outs={s: len(shapes) for s in alias}, alias=alias, steps=steps, err=err, grad=False)


CASES = [
    adam("plain"), adam("one", shapes=[(3, 2)]), adam("float64", dt="float64"), adam("betas_epsilon", {"beta1": 0.8, "beta2": 0.99, "epsilon": 1e-3}, b=(.64, .9801)),
    adam("rates", rates=[rate(.1), rate(.01), rate(2.)]), adam("global_beta_pow", {"use_global_beta_pow": True}), adam("one_rate", rates=[rate(.05)], err="one rate for all is merged_momentum's alone"),
    adam("missing_moment", err="fewer moments than parameters", extra={"Moment1": [F(2, 3)]}),
    momentum("plain"), momentum("one", shapes=[(3, 2)]), momentum("float64", dt="float64"), momentum("nesterov", {"use_nesterov": True}),
    momentum("rates", rates=[rate(.1), rate(.01), rate(2.)]), momentum("one_rate", rates=[rate(.05)]),
    momentum("decay", {"regularization_method": ["l2_decay", "", "l2_decay"], "regularization_coeff": [.1, 0., .01]}),
    momentum("decay_nesterov", {"use_nesterov": True, "regularization_method": ["l2_decay"] * 3, "regularization_coeff": [.1, .2, .3]}),
    momentum("missing_velocity", err="fewer velocities than parameters", extra={"Velocity": [F(2, 3)]}),
]

if __name__ == "__main__":
    lines = {}
    for c in CASES:
        line, message = in_child(lambda: make(c, "oarlock-merged", False, False, (1e-6, 1e-7)))
        if message: print(c.op, c.name, message, flush=True)
        if line: lines.setdefault(c.op, []).append(line)
    for op, found in lines.items():
        with open(os.path.join(sys.argv[1], op + ".jsonl.gz"), "wb") as f: f.write(gzip.compress(("\n".join(found) + "\n").encode(), mtime=0))
