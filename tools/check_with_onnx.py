"""Converts models that oarlock wrote (tools/paddle_files.ts DIR) with paddle2onnx, runs them in onnxruntime, and adds the result to OUT.json.

    python tools/check_with_onnx.py DIR OUT.json      after check_with_paddle.py; needs paddle2onnx 1.2 and onnxruntime beside paddle 2.6.2
"""
import importlib.metadata
import json
import os
import sys

import onnxruntime
import paddle2onnx

from check_values import array

FOLDER, OUT = sys.argv[1:3]


def same(prefix, feed, fetch):
    onnx = paddle2onnx.export(prefix + ".pdmodel", prefix + ".pdiparams", opset_version=13)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    got = session.run(None, {name: array(value) for name, value in feed.items()})
    for value, want in zip(got, fetch):
        want = array(want)
        assert value.shape == want.shape and abs(value.astype("f8") - want.astype("f8")).max() < 1e-6, (prefix, value, want)


expected = json.load(open(os.path.join(FOLDER, "expected.json"), encoding="utf-8"))
trained = ({"x": expected["feed"]["x"]}, [expected["prob"]])
jobs = {"models/" + name: (m["feed"], m["fetch"]) for name, m in expected["models"].items()}
jobs.update({name: trained for name in ("inference/model", "converted/pdmodel/inference", "converted/cut/inference")})
for name, (feed, fetch) in jobs.items():
    same(os.path.join(FOLDER, name), feed, fetch)
result = json.load(open(OUT, encoding="utf-8"))
versions = ["%s %s" % (package, importlib.metadata.version(package)) for package in ("paddle2onnx", "onnxruntime")]
result.setdefault("readers", {})[" and ".join(versions)] = {name: "ok" for name in jobs}
with open(OUT, "w", encoding="utf-8") as f:
    f.write(json.dumps(result, indent=1) + "\n")
print(len(jobs), "models converted")
