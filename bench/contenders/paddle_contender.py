"""Real Paddle as a contender: the protocol of protocol.ts, on static programs and one thread.

    python paddle_contender.py ROOT [--predictor]

ROOT is the folder of the repository. With --predictor inference goes through paddle.inference, which fuses, and nothing else is done.
"""
import gzip
import json
import os
import struct
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import paddle  # noqa: E402

ROOT = sys.argv[1]
PREDICTOR = "--predictor" in sys.argv
LEARNING_RATE = 0.001
ADAM_PARAMETERS = 10_000_000
LAYER_WIDTH, LAYER_BATCH = 8, 4
MLPS = {"mlp-64-64-10": (32, 64, 64, 10), "mlp-784-256-10": (64, 784, 256, 10)}
IMAGE = (3, 48, 192)


def random_numbers(count, seed, scale=1.0):
    """The numbers of inputs.ts: state n is a^n s + c (a^(n-1) + ... + 1) modulo 2^32, by doubling."""
    a, c = np.array([1664525], np.uint32), np.array([1013904223], np.uint32)
    while len(a) < count:
        c = np.concatenate([c, a * c[-1] + c])
        a = np.concatenate([a, a * a[-1]])
    states = a[:count] * np.uint32(seed) + c[:count]
    return ((states / 2.0**31 - 1) * scale).astype("float32")


def golden(name):
    with gzip.open(f"{ROOT}/test/golden/direction_classifier/{name}") as file:
        return file.read()


def set_values(scope, values):
    for name, value in values.items():
        scope.var(name).get_tensor().set(value, paddle.CPUPlace())


def read_combined(data, names):
    """A .pdiparams file: tensors in sorted order of names."""
    from paddle.base.proto import framework_pb2

    values, at = {}, 0
    types = {5: "float32", 6: "float64", 2: "int32", 3: "int64"}
    for name in sorted(names):
        (size,) = struct.unpack_from("<i", data, at + 16)
        desc = framework_pb2.VarType.TensorDesc.FromString(data[at + 20 : at + 20 + size])
        at += 20 + size
        count = int(np.prod(desc.dims))
        array = np.frombuffer(data, types[desc.data_type], count, at).reshape(list(desc.dims))
        values[name] = array
        at += array.nbytes
    assert at == len(data)
    return values


def executor():
    return paddle.static.Executor(paddle.CPUPlace()), paddle.static.Scope()


def gemm(n):
    paddle.disable_static()
    a = paddle.to_tensor(random_numbers(n * n, 1).reshape(n, n))
    b = paddle.to_tensor(random_numbers(n * n, 2).reshape(n, n))
    with paddle.no_grad():
        check = float(paddle.matmul(a, b).numpy().reshape(-1)[n + 1])

    def call():
        paddle.disable_static()
        with paddle.no_grad():
            paddle.matmul(a, b)

    return call, check


def mlp_step(name):
    paddle.enable_static()
    batch, features, hidden, classes = MLPS[name]
    main, startup = paddle.static.Program(), paddle.static.Program()
    with paddle.utils.unique_name.guard(), paddle.static.program_guard(main, startup):
        x = paddle.static.data("x", [None, features])
        y = paddle.static.data("y", [None, 1], "int64")
        h = paddle.static.nn.fc(x, hidden, activation="relu")
        loss = paddle.nn.functional.cross_entropy(paddle.static.nn.fc(h, classes), y)
        paddle.optimizer.Adam(LEARNING_RATE).minimize(loss)
    exe, scope = executor()
    with paddle.static.scope_guard(scope):
        exe.run(startup)
    weights = (("fc_0.w_0", features, hidden, 2), ("fc_1.w_0", hidden, classes, 3))
    for weight, rows, columns, seed in weights:
        values = random_numbers(rows * columns, seed, (6 / (rows + columns)) ** 0.5)
        set_values(scope, {weight: values.reshape(rows, columns)})
    feed = {
        "x": random_numbers(batch * features, 1).reshape(batch, features),
        "y": (np.arange(batch) % classes).astype("int64").reshape(batch, 1),
    }

    def call():
        paddle.enable_static()
        return float(exe.run(main, feed=feed, fetch_list=[loss], scope=scope)[0])

    return call, call()


def direction_line():
    x = np.frombuffer(golden("tensors/random_b1.f32.gz"), "float32").reshape(1, *IMAGE)
    return np.ascontiguousarray(x)


MODEL = f"{ROOT}/examples/direction_classifier/model/inference"


def direction_predictor():
    from paddle import inference

    config = inference.Config(MODEL + ".pdmodel", MODEL + ".pdiparams")
    config.disable_gpu()
    config.disable_glog_info()
    config.switch_ir_optim(True)
    config.enable_mkldnn()
    config.set_cpu_math_library_num_threads(1)
    predictor = inference.create_predictor(config)
    x = direction_line()
    source = predictor.get_input_handle(predictor.get_input_names()[0])
    target = predictor.get_output_handle(predictor.get_output_names()[0])

    def call():
        source.copy_from_cpu(x)
        predictor.run()
        return target.copy_to_cpu()

    return call, float(call()[0][0])


def direction_executor():
    paddle.enable_static()
    exe, scope = executor()
    with paddle.static.scope_guard(scope):
        program, feeds, fetches = paddle.static.load_inference_model(MODEL, exe)
    feed = {feeds[0]: direction_line()}

    def call():
        paddle.enable_static()
        return exe.run(program, feed=feed, fetch_list=fetches, scope=scope)[0]

    return call, float(call()[0][0])


def direction_training():
    paddle.enable_static()
    main = paddle.static.Program.parse_from_string(golden("train/main.pdmodel.gz"))
    loss = json.loads(golden("train/run.json.gz"))["loss"]
    names = [v.name for v in main.list_vars() if v.persistable and v.name not in ("feed", "fetch")]
    exe, scope = executor()
    set_values(scope, read_combined(golden("train/initial.pdiparams.gz"), names))
    rows = 32
    feed = {
        "image": random_numbers(rows * int(np.prod(IMAGE)), 5).reshape(rows, *IMAGE),
        "label": (np.arange(rows) % 2).astype("int64").reshape(rows, 1),
    }

    def call():
        paddle.enable_static()
        return float(exe.run(main, feed=feed, fetch_list=[loss], scope=scope)[0])

    return call, call()


def many_layers(layers):
    data = random_numbers(LAYER_BATCH * LAYER_WIDTH, 6).reshape(LAYER_BATCH, LAYER_WIDTH)

    def call():
        paddle.enable_static()
        phases = {}

        def timed(phase, body):
            began = time.perf_counter()
            result = body()
            phases[phase] = (time.perf_counter() - began) * 1000
            return result

        main, startup = paddle.static.Program(), paddle.static.Program()
        with paddle.utils.unique_name.guard(), paddle.static.program_guard(main, startup):

            def build():
                h = paddle.static.data("x", [None, LAYER_WIDTH])
                for _ in range(layers):
                    h = paddle.static.nn.fc(h, LAYER_WIDTH)
                return paddle.mean(h)

            loss = timed("build", build)
            timed("minimize", lambda: paddle.optimizer.Adam(LEARNING_RATE).minimize(loss))
        exe, scope = executor()
        timed("startup", lambda: exe.run(startup, scope=scope))
        step = lambda: exe.run(main, feed={"x": data}, fetch_list=[loss], scope=scope)  # noqa: E731
        timed("first step", step)
        timed("second step", step)
        return phases

    return call, None


def adam_update():
    paddle.disable_static()
    p = paddle.create_parameter([ADAM_PARAMETERS], "float32")
    p.set_value(random_numbers(ADAM_PARAMETERS, 1))
    p.stop_gradient = False
    p._grad_ivar() if hasattr(p, "_grad_ivar") else None
    p.grad = paddle.to_tensor(random_numbers(ADAM_PARAMETERS, 1))
    adam = paddle.optimizer.Adam(LEARNING_RATE, parameters=[p])

    def call():
        paddle.disable_static()
        adam.step()

    call()
    return call, float(p.numpy()[0])


if PREDICTOR:
    WORKS = {"direction-inference": direction_predictor}
else:
    WORKS = {
        **{f"gemm-{n}": lambda n=n: gemm(n) for n in (256, 512, 1024)},
        **{name: lambda name=name: mlp_step(name) for name in MLPS},
        "direction-inference": direction_executor,
        "direction-training": direction_training,
        **{f"layers-{n}": lambda n=n: many_layers(n) for n in (100, 1000)},
        "adam-10m": adam_update,
    }


def burst(call, ms):
    began = time.perf_counter()
    calls, phases = 0, None
    while True:
        result = call()
        calls += 1
        if isinstance(result, dict):
            phases = result if phases is None else {k: min(phases[k], result[k]) for k in result}
        elapsed = (time.perf_counter() - began) * 1000
        if elapsed >= ms:
            return phases or {"": elapsed / calls}


def answer(request, prepared):
    if "prepare" in request:
        prepare = WORKS.get(request["prepare"])
        if prepare is None:
            return {"cannot": "has no way to do it"}
        try:
            call, check = prepare()
        except Exception as error:  # noqa: BLE001
            return {"cannot": f"{type(error).__name__}: {error}"}
        prepared[request["prepare"]] = call
        return {"ready": True} if check is None else {"ready": True, "check": check}
    if "run" in request:
        return {"times": burst(prepared[request["run"]], request["ms"])}
    if "drop" in request:
        prepared.pop(request["drop"], None)
        return {"dropped": True}
    how = "paddle.inference" if PREDICTOR else "executor"
    avx2 = ", MKL_DEBUG_CPU_TYPE=5" if os.environ.get("MKL_DEBUG_CPU_TYPE") == "5" else ""
    return {"about": f"Paddle {paddle.__version__}, {how}, OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}{avx2}"}


PREPARED = {}
for LINE in sys.stdin:
    print("@" + json.dumps(answer(json.loads(LINE), PREPARED)), flush=True)
