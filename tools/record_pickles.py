"""Records what real Paddle 2.6.2 writes for objects of many kinds in pickle protocols 2, 3 and 4: test/golden/files/pickles.zip.

    python tools/record_pickles.py OUT.zip

Names in the archive are NAME.pPROTOCOL. Arrays are short or constant, so that the archive stays small.
"""
import collections
import os
import random
import sys
import tempfile
import warnings
import zipfile

import numpy as np
import paddle

warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
random.seed(0)
L = paddle.optimizer.lr
O = paddle.optimizer
DTYPES = "float32 float16 bfloat16 float64 int64 int32 int16 int8 uint8 bool complex64 complex128".split()
FOLDER = tempfile.mkdtemp()


def save(name, obj):
    for protocol in (2, 3, 4):
        paddle.save(obj, os.path.join(FOLDER, "%s.p%d" % (name, protocol)), protocol=protocol)


def tensor(shape, dtype):
    if dtype == "bfloat16":
        return tensor(shape, "float32").cast("bfloat16")
    values = np.asarray(rng.randn(*shape) * 50)
    return paddle.to_tensor(values > 0 if dtype == "bool" else np.abs(values).astype(dtype))


def zeros(count, dtype="int8"):
    return paddle.to_tensor(np.zeros(count, dtype))


class Net(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.c = paddle.nn.Conv2D(1, 2, 3)
        self.bn = paddle.nn.BatchNorm2D(2)
        self.w = paddle.nn.Linear(2, 2)
        self.b = self.create_parameter([1])

    def forward(self, x):
        return self.w(self.bn(self.c(x)).mean([2, 3])) + self.b


def trained(make):
    net = Net()
    opt = make(net.parameters())
    for _ in range(2):
        net(tensor((2, 1, 6, 6), "float32")).sum().backward()
        opt.step()
        opt.clear_grad()
        rate = opt._learning_rate
        if isinstance(rate, L.ReduceOnPlateau):
            rate.step(paddle.to_tensor(np.float32(1)))
        elif isinstance(rate, L.LRScheduler):
            rate.step()
    return net, opt


# Element types, shapes, names.
for dtype in DTYPES:
    save("dtype_" + dtype, {"w": tensor((2, 3), dtype), "b": tensor((), dtype), "empty": tensor((0, 3), dtype), "one": tensor((1,), dtype)})
save("all_dtypes", {"%s.%s" % (a, d): tensor((3,), d) for a in "xy" for d in DTYPES})
save("names", {n: zeros(1) for n in ["b", "<", "|", "", "é", "ÿ", "Ā", "漢字.w", "😀", "n" * 300, "numpy", "f4", "dtype", "latin1", "data"]})
for i in range(12):
    keys = [".".join(random.choice(["conv", "bn", "w", "b", "x"]) for _ in range(rng.randint(1, 4))) + str(j) for j in range(rng.randint(1, 9))]
    save("random%d" % i, {k: tensor(tuple(rng.randint(0, 4, rng.randint(0, 5))), random.choice(DTYPES)) for k in keys})

# Layers and optimizers, alone and together.
save("layer", Net().state_dict())
net = Net()
save("tied", collections.OrderedDict([("a", net.w.weight), ("c", net.w.weight)]))
for name, make in {
    "sgd": lambda p: O.SGD(0.1, parameters=p),
    "adam": lambda p: O.Adam(0.1, parameters=p),
    "adamw_cosine": lambda p: O.AdamW(L.CosineAnnealingDecay(0.1, 10), parameters=p),
    "momentum_warmup": lambda p: O.Momentum(L.LinearWarmup(L.PiecewiseDecay([3, 6], [1.0, 0.5, 0.1]), 5, 0.0, 1.0), parameters=p),
    "momentum_warmup_cosine": lambda p: O.Momentum(L.LinearWarmup(L.CosineAnnealingDecay(2.0, 8), 1, 0.0, 2.0), parameters=p),
    "rmsprop_plateau": lambda p: O.RMSProp(L.ReduceOnPlateau(1.0), parameters=p),
    "adamax_onecycle": lambda p: O.Adamax(L.OneCycleLR(1.0, 10), parameters=p),
}.items():
    net, opt = trained(make)
    save("opt_" + name, opt.state_dict())
    save("checkpoint_" + name, {"model": net.state_dict(), "opt": opt.state_dict(), "epoch": 3, "best": 0.5, "whole": 2.0, "np": np.float32(1.5), "npi": np.int64(7), "npb": np.bool_(True)})
# Master weights as an optimizer's state_dict has them (a CPU trains without).
save("masters", {
    "linear_0.w_0_fp32_master_0_moment1_0": tensor((2, 2), "float32"),
    "master_weights": {"linear_0.w_0": tensor((2, 2), "float32"), "linear_0.b_0": tensor((2,), "float32")},
    "LR_Scheduler": {"last_epoch": 3, "last_lr": 1.0},
})
save("masters_empty", {"master_weights": {}, "a": zeros(2), "LR_Scheduler": {"last_epoch": 0, "last_lr": 0.0, "LinearWarmup_LR": {"last_epoch": 0, "last_lr": 0.5}}})

# Other objects; batches of 1000; what is shared.
save("tensor", tensor((3, 2), "float32"))
save("list", [tensor((1,), "float32"), tensor((2,), "int64")])
save("tuple", (1, 2.0, "x"))
for count in (0, 1, 2, 999, 1000, 1001, 2001):
    save("list%d" % count, list(range(count)))
    save("ordered%d" % count, {"od": collections.OrderedDict(("k%d" % i, i) for i in range(count))})
for count in (1000, 1001, 2500):
    save("dict%d" % count, {"k%d" % i: float(i) for i in range(count)})
ints = [0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53, 2**63, -(2**63), 2**70, -(2**70), -128, 2**2100]
save("scalars", {"ints": ints, "floats": [0.0, -0.0, 1.0, float("nan"), float("inf"), 1e308], "texts": ["a", "a", "abc", "abc", "", ""], "nested": {"abc": {"abc": 1}, "z": [[], {}, ()]}})
same, array = [1, 2], np.arange(6, dtype="float32")
save("shared", {"x": same, "y": same, "z": (same, same)})
save("shared_array", {"x": array, "y": array, "t": paddle.to_tensor(array)})

# Frames of 64 KiB.
for count in (65495, 65535, 65536, 65537, 131072):
    save("frame%d" % count, {"k": "x" * count, "arr": zeros(count), "tail": "y"})
save("many", {"a%03d" % i: zeros(700, "float32") for i in range(120)})
save("mixed", {"a%03d" % i: zeros(random.choice([1, 10, 1000, 20000, 65530, 70000])) for i in range(40)})

paddle.enable_static()
with paddle.static.program_guard(paddle.static.Program(), paddle.static.Program()):
    x = paddle.static.data("x", [None, 4])
    O.Adam(L.NoamDecay(16, 10)).minimize(paddle.mean(paddle.static.nn.fc(x, 3)))
    paddle.static.Executor().run(paddle.static.default_startup_program())
    program = paddle.static.default_main_program()
    for protocol in (2, 3, 4):
        for suffix in ("pdparams", "pdopt"):
            paddle.static.save(program, os.path.join(FOLDER, "static"), protocol=protocol)
            os.rename(os.path.join(FOLDER, "static." + suffix), os.path.join(FOLDER, "static_%s.p%d" % (suffix, protocol)))
    save("static_state", program.state_dict())
    save("static_nested", {"s": program.state_dict(), "data": 1})

with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
    for name in sorted(os.listdir(FOLDER)):
        if ".p" in name and name[-1] in "234":
            out.writestr(zipfile.ZipInfo(name), open(os.path.join(FOLDER, name), "rb").read(), zipfile.ZIP_DEFLATED, 9)
print(paddle.__version__, np.__version__, sys.version.split()[0])
