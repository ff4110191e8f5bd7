"""Loads files that oarlock wrote (tools/paddle_files.ts DIR) with real Paddle 2.6.2, compares every value, and records the digests.

    python tools/check_with_paddle.py DIR OUT.json
"""
import hashlib
import json
import os
import sys

import numpy as np
import paddle

from check_values import array

FOLDER, OUT = sys.argv[1:3]
CHECKS = {}


def path(name):
    return os.path.join(FOLDER, name)


def same(name, got, want, close=False):
    got, want = np.asarray(got), array(want)
    assert got.shape == want.shape and got.dtype == want.dtype, (name, got.shape, got.dtype, want.shape, want.dtype)
    ok = np.allclose(got, want, rtol=1e-5, atol=1e-6) if close else got.tobytes() == want.tobytes()
    assert ok, (name, got, want)


def check(what, body):
    body()
    CHECKS[what] = "ok"


E = json.load(open(path("expected.json"), encoding="utf-8"))
FEED = {k: array(v) for k, v in E["feed"].items()}


def program(name):
    with open(path(name), "rb") as f:
        return paddle.static.Program.parse_from_string(f.read())


def train():
    exe = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.base.core.Scope()):
        main = program("train/main.pdmodel")
        loss = [o for o in main.global_block().ops if o.type == "reduce_mean"][0].output_arg_names[0]
        exe.run(program("train/startup.pdmodel"))
        for step, want in enumerate(E["losses"]):
            same("loss of step %d" % step, exe.run(main, feed=FEED, fetch_list=[loss])[0], want, close=True)
        scope = paddle.static.global_scope()
        for name, want in E["trained"].items():
            same(name, np.array(scope.find_var(name).get_tensor()), want, close=True)


def inference():
    exe = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.base.core.Scope()):
        prog, feeds, fetches = paddle.static.load_inference_model(path("inference/model"), exe)
        assert feeds == ["x"], feeds
        same("prob", exe.run(prog, feed={"x": FEED["x"]}, fetch_list=fetches)[0], E["prob"], close=True)


def predictor():
    config = paddle.inference.Config(path("inference/model.pdmodel"), path("inference/model.pdiparams"))
    config.disable_glog_info()
    p = paddle.inference.create_predictor(config)
    p.get_input_handle("x").copy_from_cpu(FEED["x"])
    p.run()
    same("prob", p.get_output_handle(p.get_output_names()[0]).copy_to_cpu(), E["prob"], close=True)


def run_recorded(name):
    """A program that Paddle recorded, as oarlock writes it: the numbers of the recording."""
    want = E["recorded"][name]
    exe = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.base.core.Scope()):
        main = program("recorded/%s/main.pdmodel" % name)
        paddle.seed(want["seed"])
        exe.run(program("recorded/%s/startup.pdmodel" % name))
        for step in want["steps"]:
            got = exe.run(main, feed={k: array(v) for k, v in step["feed"].items()}, fetch_list=want["fetches"])
            for variable, value in zip(want["fetches"], got):
                same(variable, value, step["fetch"][variable], close=True)


def run_model(name):
    """A saved model by Paddle's executor and by its predictor."""
    want = E["models"][name]
    feed = {k: array(v) for k, v in want["feed"].items()}
    exe = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.base.core.Scope()):
        prog, feeds, fetches = paddle.static.load_inference_model(path("models/" + name), exe)
        assert feeds == list(feed), feeds
        for value, expected in zip(exe.run(prog, feed=feed, fetch_list=fetches), want["fetch"]):
            same(name, value, expected, close=True)
    config = paddle.inference.Config(path("models/%s.pdmodel" % name), path("models/%s.pdiparams" % name))
    config.disable_glog_info()
    p = paddle.inference.create_predictor(config)
    for variable, value in feed.items():
        p.get_input_handle(variable).copy_from_cpu(value)
    p.run()
    for output, expected in zip(p.get_output_names(), want["fetch"]):
        same(name, p.get_output_handle(output).copy_to_cpu(), expected, close=True)


def converted(name):
    """A model that `oarlock convert` wrote."""
    exe = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.base.core.Scope()):
        if name == "legacy":
            prog = program("converted/legacy/__model__")
            wanted = [v for v in prog.list_vars() if v.persistable and v.name not in ("feed", "fetch")]
            paddle.static.io.load_vars(exe, path("converted/legacy"), main_program=prog, vars=wanted)
            fetches = [op.input_arg_names[0] for op in prog.global_block().ops if op.type == "fetch"]
        else:
            prog, feeds, fetches = paddle.static.load_inference_model(path("converted/" + name), exe)
            assert feeds == ["x"], feeds
        same("prob", exe.run(prog, feed={"x": FEED["x"]}, fetch_list=fetches)[0], E["prob"], close=True)


def converted_values():
    got = paddle.load(path("converted/values.pdparams"), return_numpy=True)
    assert got, "no values"
    for key, value in got.items():
        same(key, value, E["saved"][key])


def separate():
    exe = paddle.static.Executor(paddle.CPUPlace())
    with paddle.static.scope_guard(paddle.base.core.Scope()):
        main = program("train/main.pdmodel")
        wanted = [v for v in main.list_vars() if v.name in E["saved"]]
        paddle.static.io.load_vars(exe, path("separate"), main_program=main, vars=wanted)
        scope = paddle.static.global_scope()
        for name, want in E["saved"].items():
            same(name, np.array(scope.find_var(name).get_tensor()), want)


def stream(name, out):
    """The `load` operator on one file."""
    prog = paddle.static.Program()
    with paddle.static.scope_guard(paddle.base.core.Scope()):
        kind = paddle.base.core.VarDesc.VarType.SELECTED_ROWS if out == "rows" else paddle.base.core.VarDesc.VarType.LOD_TENSOR
        v = prog.global_block().create_var(name="v", type=kind, persistable=True)
        prog.global_block().append_op(type="load", outputs={"Out": [v]}, attrs={"file_path": path(name)})
        paddle.static.Executor(paddle.CPUPlace()).run(prog)
        got = paddle.static.global_scope().find_var("v")
        if out == "rows":
            s = got.get_selected_rows()
            want = E["sparse"]["selected_rows"]
            assert list(s.rows()) == want["rows"] and s.height() == want["height"]
            same(name, np.array(s.get_tensor()), want["value"])
        else:
            t = got.get_tensor()
            same(name, np.array(t), out)
            assert [list(level) for level in t.lod()] == out.get("lod", []), t.lod()


def streams():
    for name, want in E["streams"].items():
        stream("streams/%s.tensor" % name, want)
    stream("streams/lod.tensor", E["lod"])
    stream("streams/sparse.rows", "rows")


def state(name, others):
    got = paddle.load(path(name), return_numpy=True)
    for key, want in E["state"].items():
        same(key, got.pop(key), want)
    if others:
        scheduler = got.pop("LR_Scheduler")
        assert scheduler == {"last_epoch": 3, "last_lr": 0.0125, "big": 2 ** 70}, scheduler
        items = got.pop("list")
        assert items[:5] == [None, True, -1, 2 ** 40, "Grüße"], items
        assert items[5][0] == "name", items
        same("tensor in a list", items[5][1], E["state"]["int32"])
    assert not got, got
    table = paddle.load(path(name), keep_name_table=True)["StructuredToParameterName@@"]
    assert table == {"float32": "linear_0.w_0"}, table


def npz(name):
    with np.load(path(name)) as got:
        assert sorted(got) == sorted(E["state"])
        for key, want in E["state"].items():
            same(key, got[key], want)


paddle.enable_static()
check("train", train)
check("inference", inference)
check("predictor", predictor)
check("separate", separate)
for kind in ("pdmodel/inference", "legacy", "pieces/model", "cut/inference"):
    check("converted/" + kind, lambda: converted(kind))
for kind in E["recorded"]:
    check("recorded/" + kind, lambda: run_recorded(kind))
for kind in E["models"]:
    check("models/" + kind, lambda: run_model(kind))
check("streams", streams)
paddle.disable_static()
for p in (2, 3, 4):
    check("state/p%d.pdparams" % p, lambda: state("state/p%d.pdparams" % p, True))
check("state/slices.pdparams", lambda: state("state/slices.pdparams", False))
check("converted/values.pdparams", converted_values)
check("arrays.npz", lambda: npz("arrays.npz"))
check("packed.npz", lambda: npz("packed.npz"))

digests = {}
for folder, _, names in os.walk(FOLDER):
    for name in names:
        full = os.path.join(folder, name)
        rel = os.path.relpath(full, FOLDER).replace(os.sep, "/")
        if rel != "expected.json":
            digests[rel] = hashlib.sha256(open(full, "rb").read()).hexdigest()
with open(OUT, "w", encoding="utf-8") as f:
    result = {"paddle": paddle.__version__, "numpy": np.__version__, "checks": CHECKS, "sha256": dict(sorted(digests.items()))}
    f.write(json.dumps(result, indent=1) + "\n")
print(len(CHECKS), "checks passed,", len(digests), "files")
