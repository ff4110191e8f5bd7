"""Records the cases of fc and fused_conv2d_add_act from paddlepaddle==2.6.2, in the format of test/golden/ops.

    python tools/oracle/fused.py OUTDIR

fc has a kernel on the CPU. fused_conv2d_add_act has one on the GPU alone, and a CPU build refuses to append it: its cases are what Paddle's
own conv2d, elementwise_add and activation give one after another.
"""
import gzip, os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from op_case_engine import *


def fc(name, x, w, bias="vector", attrs=None, dt="float32", b=None, **kw):
    inputs = {"Input": F(*x, dt=dt), "W": F(*w, dt=dt)}
    n = w[-1] - (4 if (attrs or {}).get("padding_weights") else 0)
    if b is not None: inputs["Bias"] = F(*b, dt=dt)
    elif bias is not None: inputs["Bias"] = F(*((n,) if bias == "vector" else (1, n)), dt=dt)
    return Case("fc", name, inputs, attrs, **kw)


FC = [
    fc("plain", (2, 3), (3, 4)), fc("relu", (5, 7), (7, 6), attrs={"activation_type": "relu"}), fc("no_bias", (2, 3), (3, 4), bias=None),
    fc("row_bias", (3, 2), (2, 5), bias="row"),
    fc("one", (1, 1), (1, 1)), fc("float64", (3, 4), (4, 2), dt="float64", attrs={"activation_type": "relu"}),
    fc("rank3_one_dim", (2, 3, 4), (12, 5)), fc("rank3_two_dims", (2, 3, 4), (4, 5), attrs={"in_num_col_dims": 2, "activation_type": "relu"}),
    fc("rank4_three_dims", (2, 1, 3, 4), (4, 2), attrs={"in_num_col_dims": 3}), fc("image", (2, 3, 2, 2), (12, 3)),
    fc("padded", (3, 5), (9, 10), attrs={"padding_weights": True}), fc("padded_relu", (2, 4, 6), (10, 7), attrs={"padding_weights": True, "in_num_col_dims": 2, "activation_type": "relu"}),
    fc("bad_columns", (2, 3), (4, 5), err="columns of Input are not the rows of W"), fc("bad_bias", (2, 3), (3, 4), b=(5,), err="as many biases as columns"),
    fc("bad_bias_rows", (2, 3), (3, 4), b=(2, 4), err="a bias for each row"), fc("bad_bias_rank", (2, 3), (3, 4), b=(1, 1, 4), err="Bias has more than two dimensions"),
    fc("bad_weight_rank", (2, 3), (3, 2, 2), b=(2,), err="W must be a matrix"), fc("bad_split", (2, 3), (3, 4), attrs={"in_num_col_dims": 2}, err="no columns are left"),
    fc("zero_split", (2, 3), (6, 4), attrs={"in_num_col_dims": 0}, maybe=True, err="no rows are left"), fc("bad_activation", (2, 3), (3, 4), attrs={"activation_type": "tanh"}, err="fc knows relu alone"),
    fc("vector", (3,), (3, 4), err="Input must have rank 2"),
]


def conv(name, x, w, act="relu", attrs=None, bias=True, residual=False, dt="float32", r=None):
    inputs = {"Input": F(*x, dt=dt), "Filter": F(*w, lo=-1, hi=1, dt=dt)}
    if bias: inputs["Bias"] = F(w[0], dt=dt)
    if residual: inputs["ResidualData"] = F(*r, dt=dt)
    return Case("fused_conv2d_add_act", name, inputs, {**(attrs or {}), "activation": act})


PAD = {"paddings": [1, 1]}
CONV = [
    conv("plain", (1, 2, 5, 5), (4, 2, 3, 3)), conv("identity", (2, 3, 4, 4), (3, 3, 3, 3), "identity", PAD), conv("no_bias", (1, 2, 4, 4), (3, 2, 2, 2), bias=False),
    conv("residual", (2, 3, 4, 4), (3, 3, 3, 3), "relu", PAD, residual=True, r=(2, 3, 4, 4)), conv("residual_identity", (1, 3, 4, 4), (2, 3, 1, 1), "identity", residual=True, r=(1, 2, 4, 4)),
    conv("residual_no_bias", (1, 3, 4, 4), (2, 3, 1, 1), bias=False, residual=True, r=(1, 2, 4, 4)), conv("sigmoid", (1, 2, 4, 4), (3, 2, 3, 3), "sigmoid"), conv("tanh", (1, 2, 4, 4), (3, 2, 3, 3), "tanh"),
    conv("swish", (1, 2, 4, 4), (3, 2, 3, 3), "swish"), conv("leaky_relu", (1, 2, 4, 4), (3, 2, 3, 3), "leaky_relu", {"fuse_alpha": 0.25}), conv("relu6", (1, 2, 4, 4), (3, 2, 3, 3), "relu6"),
    conv("strides", (1, 2, 6, 7), (2, 2, 3, 3), "relu", {"strides": [2, 1], "paddings": [1, 0, 2, 1]}), conv("groups", (1, 4, 4, 4), (4, 2, 3, 3), "relu", {"groups": 2, **PAD}),
    conv("depthwise", (1, 3, 5, 5), (3, 1, 3, 3), "relu", {"groups": 3, **PAD}), conv("same", (1, 2, 5, 6), (2, 2, 3, 3), "relu", {"padding_algorithm": "SAME", "strides": [2, 2]}),
    conv("nhwc", (1, 4, 4, 2), (4, 2, 3, 3), "relu", {"data_format": "NHWC", **PAD}, residual=True, r=(1, 4, 4, 4)), conv("float64", (1, 2, 4, 4), (2, 2, 3, 3), "relu", PAD, residual=True, r=(1, 2, 4, 4), dt="float64"),
]


def by_parts(case):
    """The case with the results of the operators that Paddle's passes make the fused one of, appended to one program and run."""
    rng = np.random.RandomState(seed_of("oarlock-fused", case))
    ins = build_inputs(case, rng)
    prog, scope = fw.Program(), core.Scope()
    with fw.program_guard(prog, fw.Program()), paddle.static.scope_guard(scope):
        b = prog.global_block()
        for lst in ins.values():
            for name, v in lst:
                b.create_var(name=name, dtype=dtype_of(v), persistable=True, shape=list(v[1][0].shape)); put(scope, name, v)
        make_var = lambda n: b.create_var(name=n, persistable=True, dtype=dtype_of(ins["Input"][0][1]))
        a = dict(case.attrs); act, alpha = a.pop("activation"), a.pop("fuse_alpha", 0.0)
        last = make_var("c").name
        b.append_op(type="conv2d", inputs={"Input": ["input"], "Filter": ["filter"]}, outputs={"Output": [last]}, attrs=a)
        steps = [("elementwise_add", {"Y": ["bias"]}, {"axis": 3 if a.get("data_format") == "NHWC" else 1})] if "Bias" in ins else []
        if "ResidualData" in ins: steps.append(("elementwise_add", {"Y": ["residualdata"]}, {"axis": -1}))
        if act != "identity": steps.append((act, {}, {"alpha": alpha} if act == "leaky_relu" else {}))
        for i, (op, more, at) in enumerate(steps):
            out = make_var("t%d" % i).name
            b.append_op(type=op, inputs={"X": [last], **more}, outputs={"Out": [out]}, attrs=at); last = out
        paddle.static.Executor(paddle.CPUPlace()).run(prog)
        value = get(scope, last)
    tol = {"rtol": 1e-12, "atol": 1e-13} if dtype_of(value) == "float64" else {"rtol": 1e-5, "atol": 2e-6}
    return json.dumps({"name": case.name, "op": case.op, "inputs": {k: [{"name": n, "tensor": jval(v)} for n, v in l] for k, l in ins.items()},
                       "attrs": plain(case.attrs), "outputs": {"Output": [jval(value)]}, "output_names": {"Output": ["output"]}, "tolerance": tol,
                       "note": "by conv2d, elementwise_add and the activation: the operator has no kernel on the CPU"}, separators=(",", ":"), allow_nan=False), None


if __name__ == "__main__":
    lines = {}
    for c in FC + CONV:
        line, message = in_child(lambda: make(c, "oarlock-fused", False, False, (1e-6, 1e-7)) if c.op == "fc" else by_parts(c))
        if message: print(c.op, c.name, message, flush=True)
        if line: lines.setdefault(c.op, []).append(line)
    for op, found in lines.items():
        with open(os.path.join(sys.argv[1], op + ".jsonl.gz"), "wb") as f: f.write(gzip.compress(("\n".join(found) + "\n").encode(), mtime=0))
