"""Random cases: element-wise operators, products, reductions, comparisons, losses."""
import numpy as np
from op_fuzz_draw import *

RANGE = {"acos": (-.95, .95), "asin": (-.95, .95), "atanh": (-.9, .9), "acosh": (1.1, 5), "log": (.1, 5), "log2": (.1, 5), "log10": (.1, 5), "log1p": (-.9, 5),
         "rsqrt": (.1, 5), "sqrt": (.05, 5), "pow": (.2, 3), "tan": (-1.4, 1.4), "reciprocal": (.3, 3)}
ATTRS = {"relu6": {"threshold": (1, 6)}, "leaky_relu": {"alpha": (-.5, 1.5)}, "elu": {"alpha": (.1, 2)}, "selu": {"scale": (1.01, 2), "alpha": (.5, 2)},
         "softplus": {"beta": (.5, 3), "threshold": (1, 20)}, "mish": {"threshold": (1, 20)}, "swish": {"beta": (.5, 2)},
         "hard_swish": {"threshold": (3, 7), "scale": (3, 7), "offset": (1, 4)}, "hard_sigmoid": {"slope": (.1, .4), "offset": (.2, .7)},
         "pow": {"factor": (-3, 4)}, "brelu": {"t_min": (-2, 0), "t_max": (.5, 3)}, "stanh": {"scale_a": (.2, 2), "scale_b": (.5, 2)},
         "hard_shrink": {"threshold": (.2, 1.5)}, "softshrink": {"lambda": (.2, 1.5)}, "thresholded_relu": {"threshold": (-1, 1)}, "soft_relu": {"threshold": (1, 40)}}
UNARY = """relu relu6 leaky_relu elu selu gelu sigmoid logsigmoid tanh tanh_shrink softplus softsign silu mish swish hard_swish hard_sigmoid exp expm1 log log2 log10
log1p sqrt rsqrt square reciprocal abs sign ceil floor round trunc sin cos tan asin acos atan sinh cosh asinh acosh atanh erf pow brelu stanh hard_shrink softshrink
thresholded_relu soft_relu""".split()


@gen(*UNARY)
def unary(r, op):
    dt = r.choice(["float32", "float32", "float64", "float64", "float16", "int32", "int64", "bool"])
    lo, hi = RANGE.get(op, (-4, 4))
    at = {k: round(r.uniform(*v), 2) for k, v in ATTRS.get(op, {}).items() if some(r, .7)}
    if op == "gelu": at["approximate"] = some(r)
    x = {"X": val(r, dims(r, 0, 5, .08), dt, lo if dt.startswith("float") else max(lo, -2), hi)}
    if op == "pow" and some(r, .3): x["FactorTensor"] = V([at.pop("factor", 2.0)], dt if dt.startswith("float") else "float32")
    return C(x, at)


@gen("scale")
def scale(r):
    dt = anydt(r, ["int8", "uint8", "int16"])
    at = {"scale": round(r.uniform(-3, 3), 2) if some(r, .8) else None, "bias": round(r.uniform(-3, 3), 2) if some(r) else None, "bias_after_scale": some(r) if some(r) else None}
    x = {"X": val(r, dims(r), dt)}
    if some(r, .25): x["ScaleTensor"] = V([1.5], dt if some(r, .8) else "float32")
    return C(x, at)


@gen("clip")
def clip(r):
    dt = anydt(r); a, b = sorted(round(r.uniform(-3, 3), 1) for _ in range(2))
    x = {"X": val(r, dims(r), dt)}; at = {"min": a, "max": b}
    if some(r, .3): x["Min"] = V([a], dt)
    if some(r, .3): x["Max"] = V([b], dt)
    return C(x, at, wrt=["X"])


@gen("clip_by_norm", tol=RED)
def clip_by_norm(r): return C({"X": F(*dims(r, 1, 3))}, {"max_norm": r.choice([.5, 1., 10., 0.])})


ELEMENTWISE = ["elementwise_" + n for n in "add sub mul div max min pow mod floordiv".split()]
@gen(*ELEMENTWISE, tol=RED)
def elementwise(r, op):
    dt = r.choice(["float32", "float32", "float64", "int32", "int64", "float16", "bool"]) if some(r, .9) else "int8"
    x, y, axis = broadcast_pair(r)
    low = op.split("_")[1]
    def v(s):
        if low in ("div", "mod", "floordiv") : return T(s, dt, lambda g: g.choice([-5, -3, -2, -1, 1, 2, 3, 7], s))
        if low == "pow": return F(*s, lo=.3, hi=2.5, dt=dt) if dt.startswith("float") else I(*s, lo=0, hi=4, dt=dt)
        if low in ("max", "min") and dt.startswith("float"): return T(s, dt, lambda g: g.uniform(-3, 3, s).round(4))
        return val(r, s, dt)
    return C({"X": v(x), "Y": v(y)}, {"axis": axis if axis != -1 or some(r) else None})


@gen("elementwise_fmax", "elementwise_fmin")
def fmax(r):
    dt = r.choice(["float32", "float64", "int32", "int64"]); x, y, _ = broadcast_pair(r)
    return C({"X": val(r, x, dt), "Y": val(r, y, dt)}, {})


@gen("equal", "not_equal", "less_than", "less_equal", "greater_than", "greater_equal", exact=True)
def compare(r, op):
    dt = anydt(r, ["bool", "int16", "int8", "uint8"]); x, y, axis = broadcast_pair(r)
    return C({"X": I(*x, lo=-1, hi=2, dt=dt) if dt not in ("bool", "uint8") else I(*x, lo=0, hi=2, dt=dt), "Y": I(*y, lo=0, hi=2, dt=dt)}, {"axis": axis if some(r, .3) else None})


@gen("logical_and", "logical_or", "logical_xor", exact=True)
def logical(r):
    dt = anydt(r, ["bool", "bool", "bool", "int8", "int16"]); x, y, _ = broadcast_pair(r)
    return C({"X": I(*x, lo=0, hi=2, dt=dt), "Y": I(*y, lo=0, hi=2, dt=dt if some(r, .8) else "bool")})
@gen("logical_not", exact=True)
def logical_not(r): dt = anydt(r, ["bool", "bool"]); return C({"X": I(*dims(r), lo=0, hi=2, dt=dt)})
@gen("bitwise_and", "bitwise_or", "bitwise_xor", exact=True)
def bitwise(r):
    dt = r.choice(["bool", "int32", "int64", "uint8", "int8", "int16", "float32"]); x, y, _ = broadcast_pair(r)
    return C({"X": val(r, x, dt), "Y": val(r, y, dt)})
@gen("bitwise_not", exact=True)
def bitwise_not(r): return C({"X": val(r, dims(r), r.choice(["bool", "int32", "int64", "uint8", "int8", "int16"]))})
@gen("isfinite_v2", "isnan_v2", "isinf_v2", exact=True)
def isfinite(r):
    dt = anydt(r, ["float16"]); s = dims(r)
    return C({"X": T(s, dt, lambda g: g.choice([0, 1, -2, 3] if dt[0] == "i" else [0, 1.5, float("nan"), float("inf"), -float("inf")], s))})


# ---- products
@gen("matmul_v2", "matmul", tol=RED)
def matmul(r, op):
    dt = r.choice(["float32", "float32", "float64", "int32", "int64"]) if some(r, .8) else "float32"
    m, k, n = dim(r), dim(r), dim(r)
    if some(r, .05): m = 0
    tx, ty = some(r, .4), some(r, .4)
    batch = dims(r, 0, 3, 0); kind = r.choice(["both", "both", "x", "y", "bc", "vx", "vy", "vv"])
    cut = lambda: [1 if some(r, .4) else d for d in (batch[r.randint(0, len(batch)):] if some(r) else batch)]
    bx, by = (batch, batch) if kind == "both" else (batch, []) if kind == "x" else ([], batch) if kind == "y" else (cut(), cut()) if kind == "bc" else (batch, batch)
    x = bx + ([k, m] if tx else [m, k]); y = by + ([n, k] if ty else [k, n])
    if kind in ("vx", "vv"): x = [k]
    if kind in ("vy", "vv"): y = [k]
    if kind == "vx" and some(r, .3): x = [1, k] if not tx else [k, 1]
    names = ("trans_x", "trans_y") if op == "matmul_v2" else ("transpose_X", "transpose_Y")
    at = {names[0]: tx if tx or some(r) else None, names[1]: ty if ty or some(r) else None}
    if op == "matmul" and some(r, .4): at["alpha"] = round(r.uniform(-2, 2), 2)
    return C({"X": val(r, x, dt), "Y": val(r, y, dt)}, at)


@gen("mul", tol=RED)
def mul(r):
    dt = fdt(r); a, b = r.randint(1, 3), r.randint(1, 3)
    mid = [dim(r) for _ in range(r.randint(1, 3))]; k = 1
    for d in mid: k *= d
    ys = r.choice([mid, [k], [k, 1] if b > 1 else [k]])
    b = len(ys)
    return C({"X": F(*[dim(r) for _ in range(a)], *mid, dt=dt), "Y": F(*ys, *[dim(r) for _ in range(r.randint(1, 2))], dt=dt)}, {"x_num_col_dims": a, "y_num_col_dims": b})


@gen("bmm", tol=RED)
def bmm(r): dt = fdt(r); b, m, k, n = (dim(r) for _ in range(4)); return C({"X": F(b, m, k, dt=dt), "Y": F(b if some(r, .9) else b + 1, k, n, dt=dt)})
@gen("mv", tol=RED)
def mv(r): dt = fdt(r); m, k = dim(r), dim(r); return C({"X": F(m, k, dt=dt), "Vec": F(k if some(r, .9) else k + 1, dt=dt)})
@gen("dot", tol=RED)
def dot(r): dt = anydt(r); s = r.choice([[dim(r)], [dim(r), dim(r)]]); return C({"X": val(r, s, dt), "Y": val(r, s, dt)})
@gen("addmm", tol=RED)
def addmm(r):
    dt = fdt(r); m, k, n = dim(r), dim(r), dim(r)
    inp = r.choice([[m, n], [1, n], [n], [m, 1], [1, 1], [1]])
    return C({"Input": F(*inp, dt=dt), "X": F(m, k, dt=dt), "Y": F(k, n, dt=dt)}, {"Alpha": r.choice([None, .5, -1.5]), "Beta": r.choice([None, 0., 2.])})
@gen("kron")
def kron(r): dt = anydt(r); return C({"X": val(r, dims(r, 0, 3, 0), dt), "Y": val(r, dims(r, 0, 3, 0), dt)})
@gen("cross")
def cross(r):
    dt = fdt(r); s = dims(r, 1, 3, 0); a = r.randrange(len(s)); s[a] = 3
    return C({"X": F(*s, dt=dt), "Y": F(*s, dt=dt)}, {"dim": r.choice([a, a - len(s)]) if some(r, .8) else None})


# ---- reductions
@gen("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod", "reduce_all", "reduce_any", "reduce_amax", "reduce_amin", tol=RED)
def reduce(r, op):
    s = dims(r, 0, 5, .02); dt = anydt(r, ["float16", "bool"] if some(r, .2) else [])
    if op in ("reduce_all", "reduce_any"): dt = "bool" if some(r, .9) else "int32"
    at = {"keep_dim": some(r) if some(r) else None, "reduce_all": some(r, .25) if some(r) else None}
    if some(r, .85): at["dim"] = axes_of(r, len(s), 0 if some(r, .1) else 1) if some(r, .95) else [len(s)]
    if op in ("reduce_sum", "reduce_mean", "reduce_prod") and some(r, .2): at.update(in_dtype=DT[dt], out_dtype=DT[r.choice(["float64", "float32", "int64"])])
    v = distinct(s, dt) if op in ("reduce_max", "reduce_min", "reduce_amax", "reduce_amin") and dt != "bool" else (N(*s, lo=-2, hi=2, away=.3, dt=dt) if dt.startswith("float") else val(r, s, dt))
    return C({"X": v}, at)


@gen("logsumexp", tol=RED)
def logsumexp(r):
    s = dims(r, 0, 4, 0); return C({"X": F(*s, dt=fdt(r))}, {"axis": axes_of(r, len(s)), "keepdim": some(r) if some(r) else None, "reduce_all": some(r, .2) if some(r) else None})
@gen("mean", tol=RED)
def mean(r): return C({"X": val(r, dims(r), fdt(r))})
@gen("p_norm", tol=RED)
def p_norm(r):
    s = dims(r, 0 if some(r, .1) else 1, 4, 0); av = some(r, .2)
    return C({"X": N(*s, lo=-2, hi=2, away=.2, dt=fdt(r))}, {"porder": r.choice([None, 0., 1., 2., 3., 1.5, -1., -2., float("inf"), float("-inf")]), "axis": axis_of(r, len(s), 0), "keepdim": some(r) if some(r) else None, "asvector": av or None, "epsilon": r.choice([None, 1e-6])})
@gen("frobenius_norm", tol=RED)
def frobenius(r):
    s = dims(r, 1, 4, 0); return C({"X": N(*s, lo=-2, hi=2, dt=fdt(r))}, {"dim": axes_of(r, len(s)), "keep_dim": some(r) if some(r) else None, "reduce_all": some(r, .2) if some(r) else None})
@gen("norm", tol=RED)
def norm(r): s = dims(r, 1, 4, 0); return C({"X": N(*s, lo=-2, hi=2, dt=fdt(r))}, {"axis": axis_of(r, len(s), 0), "epsilon": r.choice([None, 1e-5]), "is_test": some(r, .1) or None}, maybe=True)
@gen("l1_norm", "squared_l2_norm", tol=RED)
def l1(r): return C({"X": N(*dims(r, 0, 3, 0), dt=fdt(r))})
@gen("cumsum", tol=RED)
def cumsum(r):
    s = dims(r, 0, 4, .03); at = {"exclusive": some(r) if some(r) else None, "reverse": some(r) if some(r) else None}
    if some(r, .2): at["flatten"] = True
    else: at["axis"] = axis_of(r, len(s))
    x = {"X": val(r, s, anydt(r))}
    return C(x, at)
@gen("cumprod", tol=RED)
def cumprod(r): s = dims(r, 0, 3, 0); dt = anydt(r); return C({"X": N(*s, away=.3, dt=dt) if dt[0] == "f" else val(r, s, dt)}, {"dim": axis_of(r, len(s))})
@gen("arg_max", "arg_min", exact=True)
def arg_max(r):
    s = dims(r, 0, 4, .02); dt = anydt(r, ["int16", "uint8"])
    return C({"X": distinct(s, dt) if dt[0] == "f" else val(r, s, dt)}, {"axis": axis_of(r, len(s)), "keepdims": some(r) if some(r) else None, "flatten": some(r, .3) if some(r) else None, "dtype": r.choice([None, 2, 3, -1])})
@gen("argsort")
def argsort(r): s = dims(r, 0, 4, .02); dt = anydt(r); return C({"X": distinct(s, dt)}, {"axis": axis_of(r, len(s)), "descending": some(r) if some(r) else None})
@gen("top_k_v2", "top_k")
def top_k(r, op):
    s = dims(r, 0 if some(r, .1) else 1, 4, 0); dt = anydt(r)
    ax = axis_of(r, len(s)) if op == "top_k_v2" else -1
    n = s[ax] if s and -len(s) <= ax < len(s) else 1; k = r.randint(1, n) if some(r, .95) else n + 1
    x = {"X": distinct(s, dt)}; at = {"k": k}
    if op == "top_k_v2": at.update(axis=ax if some(r, .8) or ax != -1 else None, largest=some(r) if some(r) else None, sorted=r.choice([None, True]))
    if some(r, .2): x["K"] = V([k], "int32"); at["k"] = 1
    return C(x, at)
@gen("kthvalue")
def kthvalue(r): s = dims(r, 1, 3, 0); a = axis_of(r, len(s), 0); return C({"X": distinct(s, anydt(r))}, {"k": r.randint(1, s[a]), "axis": a, "keepdim": some(r) or None})
@gen("mode")
def mode(r): s = dims(r, 1, 3, 0); a = axis_of(r, len(s), 0); return C({"X": I(*s, lo=0, hi=3, dt=fdt(r))}, {"axis": a, "keepdim": some(r) or None})
@gen("sum", tol=RED)
def sum_(r):
    dt = anydt(r); s = dims(r, 0, 3, .05); n = r.randint(1, 4)
    xs = [val(r, s, dt) for _ in range(n)]
    if len(s) == 2 and dt[0] == "f" and s[0] > 0 and s[1] > 0 and some(r):
        def rows(): k = r.randint(1, 4); return Rows([r.randrange(s[0]) for _ in range(k)], s[0], F(k, s[1], dt=dt))
        xs = [rows() if some(r, .5) else x for x in xs]
        return C({"X": xs}, {}, grad=False)
    return C({"X": xs})


# ---- losses
@gen("softmax", "log_softmax", tol=RED)
def softmax(r): s = dims(r, 0, 5, .02); return C({"X": F(*s, lo=-5, hi=5, dt=fdt(r))}, {"axis": axis_of(r, len(s)) if some(r, .8) else None})
@gen("softmax_with_cross_entropy", tol=RED)
def swce(r):
    s = dims(r, 1, 4, 0); dt = fdt(r); a = axis_of(r, len(s), 0); n = s[a]; soft = some(r, .3); pos = a % len(s)
    ii = r.choice([None, None, -100, 0, 1])
    ldt = r.choice(["int64", "int64", "int32"])
    ls = s[:pos] + [1] + s[pos + 1:]
    at = {"axis": a if some(r, .8) or a != -1 else None, "soft_label": soft or None, "ignore_index": ii, "numeric_stable_mode": r.choice([None, False]), "use_softmax": False if some(r, .2) else None}
    x = {"Logits": S(*s, dt=dt) if at["use_softmax"] is False else F(*s, lo=-4, hi=4, dt=dt)}
    if at["use_softmax"] is False and pos != len(s) - 1: at["use_softmax"] = None
    if soft:
        def d(g):
            v = g.uniform(.05, 1, s); return v / v.sum(pos, keepdims=True)
        x["Label"] = T(s, dt, d)
    else:
        if some(r, .15): ls = s[:pos] + s[pos + 1:]
        x["Label"] = T(ls, ldt, lambda g: g.choice([*range(n), *([ii] if ii is not None and (ii < 0 or ii < n) else [])], ls))
    return C(x, at, cot=["Loss"])
@gen("cross_entropy", "cross_entropy2", tol=RED)
def cross_entropy(r, op):
    s = dims(r, 2, 4, 0); dt = fdt(r); n = s[-1]; soft = op == "cross_entropy" and some(r, .3); ii = r.choice([None, -100, 0, 1])
    ls = s[:-1] + ([1] if some(r) else [])
    at = {"ignore_index": ii, "soft_label": soft or None}
    lab = S(*s, dt=dt) if soft else T(ls, "int64", lambda g: g.choice([*range(n), *([ii] if ii is not None and ii < n else [])], ls))
    if op == "cross_entropy2": at.pop("soft_label")
    return C({"X": S(*s, dt=dt), "Label": lab}, at, cot=["Y"])
@gen("nll_loss", tol=RED)
def nll(r):
    n, c = dim(r), dim(r); sp = [dim(r), dim(r)] if some(r, .4) else []; dt = fdt(r); ii = r.choice([None, -100, 0, 1])
    x = {"X": F(n, c, *sp, dt=dt), "Label": T([n, *sp], "int64", lambda g: g.choice([*range(c), *([ii] if ii is not None and ii < c else [])], [n, *sp]))}
    if some(r): x["Weight"] = F(c, lo=.2, hi=2, dt=dt)
    return C(x, {"reduction": r.choice([None, "none", "sum", "mean"]), "ignore_index": ii}, cot=["Out"], wrt=["X"])
@gen("bce_loss", tol=RED)
def bce(r): s = dims(r, 0, 3, .05); dt = fdt(r); return C({"X": F(*s, lo=.02, hi=.98, dt=dt), "Label": F(*s, lo=0, hi=1, dt=dt)}, wrt=["X"])
@gen("huber_loss", tol=RED)
def huber(r): s = dims(r, 1, 3, .03); dt = fdt(r); return C({"X": F(*s, dt=dt, digits=4), "Y": F(*s, dt=dt)}, {"delta": r.choice([.5, 1., 1.3])}, cot=["Out"])
@gen("kldiv_loss", tol=RED)
def kldiv(r): s = dims(r, 0, 4, 0); dt = fdt(r); return C({"X": F(*s, dt=dt), "Target": T(s, dt, lambda g: g.choice([0, .2, .5, 1.], s))}, {"reduction": r.choice([None, "none", "sum", "mean", "batchmean"])}, wrt=["X"])
@gen("log_loss", tol=RED)
def log_loss(r): n = dim(r); return C({"Predicted": F(n, 1, lo=.05, hi=.95), "Labels": I(n, 1, lo=0, hi=2, dt="float32")}, {"epsilon": r.choice([1e-4, 1e-7, .01])}, wrt=["Predicted"])
@gen("sigmoid_cross_entropy_with_logits", tol=RED)
def sce(r):
    s = dims(r, 1, 3, .03); dt = fdt(r); ii = r.choice([None, -100, 0, 1]); x = {"X": F(*s, dt=dt), "Label": T(s, dt, lambda g: g.choice([0, 1, .5, *([ii] if ii is not None else [])], s))}
    if some(r, .25): x["pos_weight"] = F(*s, lo=.5, hi=2, dt=dt)
    return C(x, {"normalize": some(r) if some(r) else None, "ignore_index": ii}, wrt=["X"])
@gen("accuracy")
def accuracy(r):
    n, k = dim(r), dim(r); return C({"Out": F(n, k), "Indices": I(n, k, lo=0, hi=4), "Label": I(n, 1, lo=0, hi=4, dt=r.choice(["int64", "int32"]))})
@gen("label_smooth")
def label_smooth(r):
    s = dims(r, 1, 3, 0); dt = fdt(r); x = {"X": F(*s, lo=0, hi=1, dt=dt)}
    if some(r, .4): x["PriorDist"] = F(1, s[-1], lo=0, hi=1, dt=dt)
    return C(x, {"epsilon": r.choice([None, .1, .5, 1.])}, wrt=["X"])


# ---- less common ones
@gen("celu", "logit")
def more_activations(r, op):
    dt = fdt(r); s = dims(r, 0, 4, .03)
    if op == "celu": return C({"X": F(*s, dt=dt)}, {"alpha": r.choice([None, .5, 2., -1.5])})
    return C({"X": F(*s, lo=-.2, hi=1.2, dt=dt)}, {"eps": r.choice([None, .1, .25])})
@gen("elementwise_heaviside")
def heaviside(r): dt = r.choice(["float32", "float64", "int32", "int64"]); x, y, _ = broadcast_pair(r); return C({"X": I(*x, lo=-1, hi=2, dt=dt), "Y": val(r, y, dt)})
@gen("grad_add", tol=RED)
def grad_add(r): dt = anydt(r); x, y, axis = broadcast_pair(r); return C({"X": val(r, x, dt), "Y": val(r, y, dt)}, {"axis": axis if axis != -1 or some(r) else None})
@gen("logcumsumexp", tol=RED)
def logcumsumexp(r):
    s = dims(r, 0, 4, .02); at = {"exclusive": some(r) if some(r) else None, "reverse": some(r) if some(r) else None}
    if some(r, .2): at["flatten"] = True
    else: at["axis"] = axis_of(r, len(s), 0)
    return C({"X": F(*s, dt=fdt(r))}, at)
@gen("cummax", "cummin")
def cummax(r): s = dims(r, 0, 4, .02); dt = anydt(r); return C({"x": val(r, s, dt)}, {"axis": axis_of(r, len(s)), "dtype": r.choice([None, 2, 3])})
@gen("equal_all", exact=True)
def equal_all(r): dt = anydt(r, ["bool"]); s = dims(r, 0, 2, 0); return C({"X": I(*s, lo=0, hi=2, dt=dt), "Y": I(*(s if some(r, .8) else dims(r, 0, 2, 0)), lo=0, hi=2, dt=dt)})
@gen("isclose", "allclose", exact=True)
def isclose(r):
    dt = fdt(r); s = dims(r, 0, 3, 0); near = [0., 1e-9, 1e-6, .01, .3, float("nan"), float("inf")] if some(r, .7) else [0., 1e-9]
    v = lambda: T(s, dt, lambda g: g.randint(0, 3, s) + g.choice(near, s))
    x = {"Input": v(), "Other": v()}
    if some(r, .2): x["Rtol"] = V([.1], "float64")
    if some(r, .2): x["Atol"] = V([.2], "float64")
    return C(x, {"rtol": r.choice([None, "1e-5", "0.1", "0"]), "atol": r.choice([None, "0.02", "1e-8"]), "equal_nan": some(r) if some(r) else None})
@gen("lgamma", "digamma")
def gamma(r): dt = fdt(r); s = dims(r, 0, 4, .03); return C({"X": r.choice([F(*s, lo=.1, hi=4, dt=dt), F(*s, lo=3, hi=60, dt=dt), T(s, dt, lambda g: np.floor(g.uniform(-4, 4, s)) + g.uniform(.1, .9, s).round(2))])})
@gen("atan2")
def atan2(r):
    dt = r.choice(["float32", "float32", "float64", "int32", "int64"]); s = dims(r, 0, 4, .03); v = lambda: I(*s, lo=-3, hi=4, dt=dt) if dt[0] == "i" else N(*s, dt=dt)
    return C({"X1": v(), "X2": v()})
@gen("lerp")
def lerp(r):
    dt = fdt(r); x, y, _ = broadcast_pair(r, zero=0); full = max(x, y, key=len)
    w = r.choice([[1], [], full, [1 if some(r) else d for d in full]])
    return C({"X": F(*x, dt=dt), "Y": F(*y, dt=dt), "Weight": F(*w, dt=dt)}, wrt=["X", "Y"])
