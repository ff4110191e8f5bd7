"""Records networks as paddlepaddle==2.6.2 saves them and as its own passes fuse them, with what Paddle computes.

    python tools/oracle/fused_models.py OUTDIR

plain.pdmodel, plain.pdiparams: fully connected layers, two with relu and one without, of which the second is so wide that Paddle pads its
weights. fused.pdmodel, fused.pdiparams: the same after fc_fuse_pass. run.json: a feed, and what Paddle gives for it with either.
conv_plain.pdmodel, conv.pdiparams: convolutions with bias, with residual and relu, with relu, and with neither. conv.pdmodel: the same after
Paddle's three passes for convolutions, as Config.enable_save_optim_model writes it; Paddle runs that on a GPU only, so run.json has what it
gives for conv_plain.
"""
import gzip, json, os, sys, tempfile
os.environ.setdefault("OMP_NUM_THREADS", "1"); os.environ.setdefault("GLOG_minloglevel", "3")
import numpy as np
import paddle
import paddle.inference as inference
import paddle.static as static
from paddle.base import core
from paddle.base.framework import IrGraph

paddle.enable_static()


def made(build):
    main, start = static.Program(), static.Program()
    with static.program_guard(main, start), paddle.base.unique_name.guard():
        feeds, fetches = build()
    executor, scope = static.Executor(paddle.CPUPlace()), core.Scope()
    with static.scope_guard(scope):
        executor.run(start)
        # Biases start as zeros, and a test wants to see them.
        for i, parameter in enumerate(main.all_parameters()):
            value = scope.find_var(parameter.name).get_tensor()
            value.set(np.round(np.random.RandomState(i).uniform(-0.5, 0.5, value.shape()), 2).astype("float32"), paddle.CPUPlace())
    return executor, scope, main, feeds, fetches


def fused_fc(main, scope):
    """The program after fc_fuse_pass; padded weights are new variables of the scope."""
    graph = IrGraph(core.Graph(main.desc), for_test=True)
    fuse = core.get_pass("fc_fuse_pass")
    fuse.set("use_gpu", False); fuse.set("use_fc_padding", True)
    graph.graph.set_not_owned("__param_scope__", scope)
    fuse.apply(graph.graph)
    return graph.to_program()


def fused_conv(folder):
    config = inference.Config(folder + "/conv_plain.pdmodel", folder + "/conv.pdiparams")
    config.disable_glog_info(); config.set_optim_cache_dir(folder); config.switch_ir_optim(True)
    builder = config.pass_builder()
    for name in builder.all_passes(): builder.delete_pass(name)
    for name in ("conv_elementwise_add_act_fuse_pass", "conv_elementwise_add2_act_fuse_pass", "conv_elementwise_add_fuse_pass"): builder.append_pass(name)
    config.enable_save_optim_model(True)
    try: inference.create_predictor(config)
    except Exception: pass  # it wants a kernel, after it has saved the model
    return open(folder + "/_optimized.pdmodel", "rb").read()


def layers():
    x = static.data("x", [-1, 6])
    first = static.nn.fc(x, 128, activation="relu")
    second = static.nn.fc(first, 128, activation="relu")
    return [x], [static.nn.fc(second, 3)]


def block():
    x = static.data("x", [-1, 3, 6, 5])
    r = static.nn.conv2d(x, 4, 3, padding=1, act="relu")
    inner = static.nn.conv2d(r, 4, 3, padding=1, groups=2, act="relu")
    sum_ = paddle.add(r, static.nn.conv2d(inner, 4, 1))
    return [x], [static.nn.conv2d(paddle.nn.functional.relu(sum_), 2, 3, stride=2)]


def write(path, data):
    with open(path, "wb") as f: f.write(gzip.compress(data, mtime=0))


def tensor(a): return {"dtype": "float32", "shape": list(a.shape), "data": [float(str(v)) for v in a.ravel()]}


if __name__ == "__main__":
    out = sys.argv[1]; os.makedirs(out, exist_ok=True)
    recorded = {}
    for name, build, shape in (("plain", layers, (3, 6)), ("conv_plain", block, (2, 3, 6, 5))):
        executor, scope, main, feeds, fetches = made(build)
        feed = {"x": np.round(np.random.RandomState(5).uniform(-2, 2, shape), 3).astype("float32")}
        run = lambda program: executor.run(program, feed=feed, fetch_list=[fetches[0].name])[0]
        with static.scope_guard(scope):
            recorded[name] = {"feed": tensor(feed["x"]), "out": tensor(run(main))}
            plain = static.normalize_program(main, feeds, fetches)
            parameters = static.serialize_persistables(feeds, fetches, program=plain, executor=executor)
            write(f"{out}/{name}.pdmodel.gz", static.serialize_program(feeds, fetches, program=plain))
            if name == "plain":
                write(f"{out}/plain.pdiparams.gz", parameters)
                program = fused_fc(main, scope)
                recorded["fused"] = {"feed": tensor(feed["x"]), "out": tensor(run(program))}
                ends = lambda variables: [program.global_block().var(v.name) for v in variables]
                fused = static.normalize_program(program, ends(feeds), ends(fetches))
                write(f"{out}/fused.pdmodel.gz", static.serialize_program(ends(feeds), ends(fetches), program=fused))
                write(f"{out}/fused.pdiparams.gz", static.serialize_persistables(ends(feeds), ends(fetches), program=fused, executor=executor))
            else:
                write(f"{out}/conv.pdiparams.gz", parameters)
                with tempfile.TemporaryDirectory() as folder:
                    for file in ("conv_plain.pdmodel", "conv.pdiparams"):
                        with open(f"{folder}/{file}", "wb") as f: f.write(gzip.decompress(open(f"{out}/{file}.gz", "rb").read()))
                    write(f"{out}/conv.pdmodel.gz", fused_conv(folder))
    write(f"{out}/run.json.gz", json.dumps(recorded).encode())
