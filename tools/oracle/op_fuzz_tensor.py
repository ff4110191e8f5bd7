"""Random cases: operators that move, choose, make and join elements."""
from op_fuzz_draw import *


def prod(s):
    n = 1
    for d in s: n *= d
    return n


@gen("reshape2", "reshape", exact=True)
def reshape(r, op):
    s = dims(r, 0, 4, .05); n = prod(s); parts = []
    left = n
    while left > 1 and len(parts) < 3:
        d = r.choice([k for k in range(1, left + 1) if left % k == 0]); parts.append(d); left //= d
    t = parts + ([left] if left != 1 or some(r, .3) else [])
    if n == 0: t = list(s)
    if t and some(r, .4): t[r.randrange(len(t))] = -1
    if some(r, .3) and t and s:
        i = r.randrange(min(len(t), len(s)))
        if t[i] == s[i]: t[i] = 0
    x = {"X": val(r, s, anydt(r, ["bool", "int8", "float16"]))}
    k = some(r, .3) and 0 not in t and len(t) > 0
    at = {"shape": t}
    if k and some(r): x["Shape"] = ints_tensor(r, t, "int32" if some(r, .6) else "int64")
    elif k: x["ShapeTensor"] = int_list(r, t, "int32")
    return C(x, at, outs={"XShape": 1} if op == "reshape2" else {}, wrt=["X"])
@gen("squeeze2", "squeeze", exact=True)
def squeeze(r, op): s = dims(r, 0, 5, .03); s = [1 if some(r, .4) else d for d in s]; return C({"X": val(r, s, anydt(r, ["bool"]))}, {"axes": axes_of(r, len(s), 0) if some(r, .7) else []}, outs={"XShape": 1} if op[-1] == "2" else {})
@gen("unsqueeze2", "unsqueeze", exact=True)
def unsqueeze(r, op):
    s = dims(r, 0, 3, .03); k = r.randint(1, 3); n = len(s) + k
    ax = [r.randint(-len(s) - 1 - i, len(s) + i) for i in range(k)]
    x = {"X": val(r, s, anydt(r, ["bool"]))}; at = {"axes": ax}
    if op == "unsqueeze2" and some(r, .25): x["AxesTensor"] = ints_tensor(r, ax, "int32"); at = {}
    elif op == "unsqueeze2" and some(r, .2): x["AxesTensorList"] = int_list(r, ax, "int32"); at = {}
    return C(x, at, outs={"XShape": 1} if op[-1] == "2" else {}, wrt=["X"])
@gen("flatten2", "flatten", exact=True)
def flatten2(r, op): s = dims(r, 0, 4, .03); return C({"X": val(r, s, anydt(r))}, {"axis": r.randint(-len(s), len(s)) if some(r, .8) else None}, outs={"XShape": 1} if op[-1] == "2" else {})
@gen("flatten_contiguous_range", exact=True)
def flatten_range(r):
    s = dims(r, 0, 5, .03); n = len(s); a = r.randint(0, max(n - 1, 0)); b = r.randint(a, max(n - 1, 0))
    neg = lambda v: v - n if some(r, .3) and n else v
    return C({"X": val(r, s, anydt(r, ["uint8"]))}, {"start_axis": neg(a), "stop_axis": neg(b)}, outs={"XShape": 1})
@gen("transpose2", "transpose", exact=True)
def transpose(r, op):
    s = dims(r, 0, 5, .03); p = list(range(len(s))); r.shuffle(p)
    return C({"X": val(r, s, anydt(r, ["bool"]))}, {"axis": [a - len(s) if some(r, .15) else a for a in p]}, outs={"XShape": 1} if op[-1] == "2" else {})
@gen("concat", exact=True)
def concat(r):
    s = dims(r, 1, 4, .02); dt = anydt(r, ["bool", "uint8"]); a = axis_of(r, len(s)); xs = []
    for _ in range(r.randint(1, 4)):
        t = list(s)
        if -len(s) <= a < len(s): t[a] = dim(r) if some(r, .95) else 0
        xs.append(val(r, t, dt))
    x = {"X": xs}; at = {"axis": a}
    if some(r, .2): x["AxisTensor"] = V([a], "int32"); at = {"axis": 0}
    return C(x, at, wrt=["X"])
@gen("split", exact=True)
def split(r):
    s = dims(r, 1, 4, 0); a = axis_of(r, len(s), 0); n = r.randint(1, 4); at = {}; x = {}
    if some(r): s[a] = n * r.randint(1, 3); at["num"] = n; secs = None
    else:
        secs = [r.randint(1, 3) for _ in range(n)]; s[a] = sum(secs)
        if some(r, .3): secs[r.randrange(n)] = -1
        at["sections"] = secs
    x["X"] = val(r, s, anydt(r, ["bool"]))
    if some(r, .2): x["AxisTensor"] = V([a], "int32")
    else: at["axis"] = a
    if secs and some(r, .2): x["SectionsTensorList"] = [V([v], "int32") for v in secs]
    return C(x, at, outs={"Out": n}, wrt=["X"])
@gen("stack", exact=True)
def stack(r): s = dims(r, 0, 3, .02); dt = anydt(r); n = r.randint(1, 4); return C({"X": [val(r, s, dt) for _ in range(n)]}, {"axis": r.randint(-len(s) - 1, len(s)) if some(r, .95) else len(s) + 1})
@gen("unstack", exact=True)
def unstack(r): s = dims(r, 1, 4, 0); a = axis_of(r, len(s), .02); n = s[a] if -len(s) <= a < len(s) else 1; return C({"X": val(r, s, anydt(r))}, {"axis": a, "num": n}, outs={"Y": n})
@gen("unbind", exact=True)
def unbind(r): s = dims(r, 1, 4, 0); a = axis_of(r, len(s), 0); return C({"X": val(r, s, anydt(r))}, {"axis": a}, outs={"Out": s[a]})


def tensor_or_list(r, x, at, attr, slot, values, listslot, n):
    """moves an attribute into a tensor or a list of tensors; -> true if it did"""
    if some(r, .2): x[slot] = ints_tensor(r, values); return True
    if some(r, .2): x[listslot] = int_list(r, values, "int32"); return True
    return False
@gen("slice", exact=True)
def slice_(r):
    s = dims(r, 1, 4, .02); k = r.randint(1, len(s)); ax = sorted(r.sample(range(len(s)), k)); st, en = [], []
    for a in ax:
        b = r.randint(0, max(s[a] - 1, 0)); e = r.randint(b + 1, max(s[a], b + 1)) if some(r, .95) else b
        st.append(b - s[a] if some(r, .2) else b); en.append(e - s[a] if some(r, .2) and e < s[a] else r.choice([e, 10 ** 6 if e == s[a] else e, 2147483647 if e == s[a] else e]))
    x = {"Input": val(r, s, anydt(r, ["bool", "uint8"]))}; at = {"axes": ax, "starts": st, "ends": en}
    flag = 1
    if tensor_or_list(r, x, at, "starts", "StartsTensor", st, "StartsTensorList", k): flag = -1
    if tensor_or_list(r, x, at, "ends", "EndsTensor", en, "EndsTensorList", k): flag = -1
    if some(r, .9): at["infer_flags"] = [flag] * k
    if some(r, .3):
        da = [a for a, b, e in zip(ax, st, en) if (e if e >= 0 else e + s[a]) - (b if b >= 0 else b + s[a]) == 1]
        at["decrease_axis"] = da
    return C(x, at, wrt=["Input"])
@gen("strided_slice", exact=True)
def strided(r):
    s = dims(r, 1, 4, 0); k = r.randint(1, len(s)); ax = sorted(r.sample(range(len(s)), k)); st, en, sd = [], [], []
    for a in ax:
        step = r.choice([1, 1, 2, 3, -1, -1, -2]); b, e = (0, s[a]) if step > 0 else (s[a] - 1, -s[a] - 1)
        if some(r, .6):
            if step > 0: b = r.randint(0, s[a] - 1); e = r.randint(b + 1, s[a] + 1)
            else: b = r.randint(0, s[a]); e = r.randint(-s[a] - 2, -s[a] + b - 1) if some(r) else (r.randint(0, b - 1) if b > 0 else -s[a] - 1)
        st.append(b - s[a] if some(r, .15) and 0 <= b < s[a] else b); en.append(e); sd.append(step)
    x = {"Input": val(r, s, anydt(r, ["bool"]))}; at = {"axes": ax, "starts": st, "ends": en, "strides": sd}; flag = 1
    if tensor_or_list(r, x, at, "", "StartsTensor", st, "StartsTensorList", k): flag = -1
    if tensor_or_list(r, x, at, "", "EndsTensor", en, "EndsTensorList", k): flag = -1
    if tensor_or_list(r, x, at, "", "StridesTensor", sd, "StridesTensorList", k): flag = -1
    at["infer_flags"] = [flag] * k
    if some(r, .15): at["decrease_axis"] = [a for a, b, e, d in zip(ax, st, en, sd) if s[a] == 1]
    return C(x, at, wrt=["Input"])
@gen("gather", exact=True)
def gather(r):
    s = dims(r, 1, 4, 0); a = axis_of(r, len(s), 0) if some(r, .4) else 0; n = dim(r); isz = r.choice([[n], [n], [n, 1], []])
    x = {"X": val(r, s, anydt(r, ["bool", "uint8"])), "Index": I(*isz, lo=0, hi=s[a], dt=r.choice(["int32", "int64"]))}; at = {"axis": a if a or some(r) else None}
    if some(r, .15): x["Axis"] = V([a], r.choice(["int32", "int64"])); at = {}
    return C(x, at, wrt=["X"])
@gen("gather_nd", exact=True)
def gather_nd(r):
    s = dims(r, 1, 4, 0); k = r.randint(0 if some(r, .1) else 1, len(s)); lead = dims(r, 0, 2, .03)
    return C({"X": val(r, s, anydt(r, ["bool"])), "Index": T(lead + [k], r.choice(["int32", "int64"]), lambda g: __import__("numpy").stack([g.randint(0, s[i], lead) for i in range(k)], -1) if k else __import__("numpy").zeros(lead + [0]))}, wrt=["X"])
@gen("scatter")
def scatter(r):
    s = dims(r, 1, 3, 0); n = r.randint(1, s[0]); dt = anydt(r); over = some(r)
    ids = T([n] if some(r, .8) else [n, 1], r.choice(["int32", "int64"]), (lambda g: g.permutation(s[0])[:n]) if over else (lambda g: g.randint(0, s[0], n)))
    return C({"X": val(r, s, dt), "Ids": ids, "Updates": val(r, [n] + s[1:], dt)}, {"overwrite": over if not over or some(r) else None}, wrt=["X", "Updates"])
@gen("scatter_nd_add")
def scatter_nd_add(r):
    s = dims(r, 1, 4, 0); k = r.randint(1, len(s)); lead = dims(r, 0, 2, 0); dt = anydt(r); np = __import__("numpy")
    return C({"X": val(r, s, dt), "Index": T(lead + [k], r.choice(["int32", "int64"]), lambda g: np.stack([g.randint(0, s[i], lead) for i in range(k)], -1)), "Updates": val(r, lead + s[k:], dt)}, wrt=["X", "Updates"])
@gen("index_select")
def index_select(r): s = dims(r, 1, 4, 0); a = axis_of(r, len(s), 0); return C({"X": val(r, s, anydt(r)), "Index": I(dim(r), lo=0, hi=s[a], dt=r.choice(["int32", "int64"]))}, {"dim": a}, wrt=["X"])
@gen("index_sample")
def index_sample(r): n, c, k = dim(r), dim(r), dim(r); return C({"X": val(r, [n, c], anydt(r)), "Index": I(n, k, lo=0, hi=c, dt=r.choice(["int32", "int64"]))}, wrt=["X"])
@gen("take_along_axis")
def take_along(r):
    s = dims(r, 1, 4, 0); a = axis_of(r, len(s), 0); t = list(s); t[a] = dim(r)
    return C({"Input": val(r, s, anydt(r)), "Index": I(*t, lo=0, hi=s[a], dt=r.choice(["int32", "int64"]))}, {"Axis": a}, wrt=["Input"])
@gen("put_along_axis")
def put_along(r):
    s = dims(r, 1, 3, 0); a = r.randrange(len(s)); t = list(s); t[a] = r.randint(1, s[a]); dt = anydt(r)
    np = __import__("numpy"); idx = T(t, r.choice(["int32", "int64"]), lambda g: np.moveaxis(np.argsort(g.rand(*np.moveaxis(np.empty(s), a, -1).shape), -1)[..., :t[a]], -1, a))
    return C({"Input": val(r, s, dt), "Index": idx, "Value": val(r, t, dt)}, {"Axis": a, "Reduce": r.choice(["assign", "assign", "add", "mul", "multiply", "mean", "amin", "amax"]), "Include_self": False if some(r, .2) else None}, wrt=["Input", "Value"])
@gen("masked_select")
def masked_select(r): s = dims(r, 0 if some(r, .1) else 1, 3, 0); return C({"X": val(r, s, anydt(r)), "Mask": B(*s)}, wrt=["X"])
@gen("where")
def where(r): s = dims(r, 0, 4, .03); dt = anydt(r); return C({"Condition": B(*s), "X": val(r, s, dt), "Y": val(r, s, dt)})
@gen("where_index", exact=True)
def where_index(r): s = dims(r, 0 if some(r, .1) else 1, 4, .02); dt = anydt(r, ["bool", "bool"]); return C({"Condition": I(*s, lo=0, hi=2, dt=dt)})
@gen("multiplex")
def multiplex(r): s = dims(r, 1, 3, 0); dt = anydt(r); n = r.randint(2, 4); return C({"Ids": I(s[0], 1, lo=0, hi=n, dt="int32"), "X": [val(r, s, dt) for _ in range(n)]}, wrt=["X"])
def expand_shape(r, s):
    return [dim(r) for _ in range(r.randint(0, 2))] + [(dim(r) if d == 1 else r.choice([d, d, -1])) for d in s]
@gen("expand_v2")
def expand(r):
    s = [1 if some(r, .4) else d for d in dims(r, 0, 3, .02)]; t = expand_shape(r, s) if some(r, .97) else [d + 1 for d in s]
    x = {"X": val(r, s, anydt(r, ["bool"]))}; at = {"shape": t}
    if -1 not in t and t and some(r, .25): x["Shape"] = ints_tensor(r, t)
    elif t and some(r, .2): x["expand_shapes_tensor"] = int_list(r, t, "int32")
    return C(x, at, wrt=["X"])
@gen("expand_as_v2")
def expand_as(r): s = [1 if some(r, .4) else d for d in dims(r, 0, 3, 0)]; t = [abs(d) if d > 0 else e for d, e in zip(expand_shape(r, [1] * 0), [])] or [dim(r) for _ in range(r.randint(0, 1))] + [dim(r) if d == 1 else d for d in s]; dt = anydt(r); return C({"X": val(r, s, dt), "Y": val(r, t, dt)}, {"target_shape": t}, wrt=["X"])
@gen("expand")
def expand1(r): s = dims(r, 1, 4, 0); t = [r.randint(1, 3) for _ in s]; return C({"X": val(r, s, anydt(r))}, {"expand_times": t}, wrt=["X"])
@gen("expand_as")
def expand_as1(r): s = dims(r, 1, 4, 0); t = [d * r.randint(1, 2) for d in s]; dt = fdt(r); return C({"X": val(r, s, dt), "target_tensor": val(r, t, dt)}, {}, wrt=["X"])
@gen("tile")
def tile(r):
    s = dims(r, 0, 4, .02); t = [r.randint(1, 3) for _ in range(r.randint(1 if some(r, .9) else 0, 4))]
    x = {"X": val(r, s, anydt(r, ["bool"]))}; at = {"repeat_times": t}
    if t and some(r, .2): x["RepeatTimes"] = ints_tensor(r, t); at = {}
    elif t and some(r, .2): x["repeat_times_tensor"] = int_list(r, t, "int32"); at = {}
    return C(x, at, wrt=["X"])
@gen("pad")
def pad(r): s = dims(r, 1, 5, .02); return C({"X": val(r, s, anydt(r))}, {"paddings": [r.randint(0, 2) for _ in range(2 * len(s))], "pad_value": r.choice([None, 1.5, -2.])})
@gen("flip", "reverse")
def flip(r, op): s = dims(r, 0, 4, .02); return C({"X": val(r, s, anydt(r, ["bool"]))}, {"axis": axes_of(r, len(s), 0)})
@gen("roll")
def roll(r):
    s = dims(r, 0, 4, 0); ax = axes_of(r, len(s), 0); k = len(ax) or 1; sh = [r.randint(-6, 6) for _ in range(k)]
    x = {"X": val(r, s, anydt(r))}; at = {"axis": ax, "shifts": sh}
    if some(r, .2): x["ShiftsTensor"] = ints_tensor(r, sh); at.pop("shifts")
    return C(x, at, wrt=["X"])
@gen("tril_triu")
def tril(r): s = dims(r, 2 if some(r, .95) else 1, 4, .03); return C({"X": val(r, s, anydt(r, ["bool"]))}, {"diagonal": r.randint(-4, 4) if some(r, .8) else None, "lower": some(r) if some(r, .8) else None})
@gen("diag_v2")
def diag(r): s = dims(r, 0 if some(r, .05) else 1, 2, 0); return C({"X": val(r, s, anydt(r))}, {"offset": r.randint(-3, 3), "padding_value": r.choice([None, 1.5, 0.])})
@gen("diagonal")
def diagonal(r): s = dims(r, 2, 4, 0); a, b = r.sample(range(len(s)), 2); return C({"Input": val(r, s, anydt(r))}, {"offset": r.randint(-2, 2), "axis1": a - len(s) if some(r, .3) else a, "axis2": b})
@gen("diag_embed")
def diag_embed(r): s = dims(r, 1, 3, 0); a, b = r.sample(range(len(s) + 1), 2); return C({"Input": val(r, s, anydt(r))}, {"offset": r.randint(-2, 2), "dim1": a, "dim2": b})
@gen("one_hot_v2")
def one_hot(r): 
    d = r.randint(1, 5); x = {"X": I(*dims(r, 0, 3, .03), lo=0, hi=d, dt=r.choice(["int32", "int64"]))}; at = {"depth": d, "dtype": r.choice([5, 5, 6, 3, 2])}
    if some(r, .2): x["depth_tensor"] = V([d], "int32"); at["depth"] = 1
    return C(x, at)
@gen("one_hot")
def one_hot1(r): d = r.randint(1, 5); return C({"X": I(*dims(r, 0, 2, 0), 1, lo=0, hi=d)}, {"depth": d, "dtype": 5})
@gen("shape", "size", exact=True)
def shape(r): return C({"Input": val(r, dims(r, 0, 5, .1), anydt(r, ["bool"]))})
@gen("is_empty", exact=True)
def is_empty(r): return C({"X": val(r, dims(r, 0, 3, .2), anydt(r))})
@gen("assign", "share_data", exact=True)
def assign(r, op): return C({"X": val(r, dims(r, 0, 4, .05), anydt(r, ["bool", "uint8", "float16", "int8", "int16"]))})
@gen("assign_value", exact=True)
def assign_value(r):
    s = dims(r, 0, 3, 0); n = prod(s); k = r.choice(["fp32_values", "int32_values", "int64_values", "bool_values", "fp64_values"]); dt = {"fp32_values": 5, "int32_values": 2, "int64_values": 3, "bool_values": 0, "fp64_values": 6}[k]
    v = [r.randint(0, 1) if dt == 0 else r.randint(-5, 5) if dt not in (5, 6) else r.randint(-20, 20) / 4 for _ in range(n)]
    return C({}, {"shape": s, "dtype": dt, k: v})
@gen("fill_constant", exact=True)
def fill_constant(r):
    s = dims(r, 0, 4, .04); dt = r.choice([0, 2, 3, 5, 5, 6, 20, 1, 4]); x = {}; at = {"shape": s, "dtype": dt, "value": r.choice([1.5, 2.0, 0.0, 7.0])}
    if some(r, .25): at["str_value"] = r.choice(["0.1", "3", "1", "5"])
    if some(r, .2): x["ValueTensor"] = V([r.choice([1, 3])], r.choice(["float32", "int64", "int32"]))
    if s and some(r, .2): x["ShapeTensor"] = ints_tensor(r, s)
    elif s and some(r, .2): x["ShapeTensorList"] = int_list(r, s, "int32")
    return C(x, at)
@gen("fill_constant_batch_size_like", exact=True)
def fcbsl(r): s = dims(r, 1, 3, .02); t = dims(r, 1, 3, 0); a, b = r.randrange(len(s)), r.randrange(len(t)); t[b] = -1 if some(r, .7) else t[b]; return C({"Input": F(*s)}, {"shape": t, "dtype": r.choice([5, 3, 2, 6]), "value": 2., "input_dim_idx": a, "output_dim_idx": b, "str_value": "2.5" if some(r, .2) else None})
@gen("fill_any_like", exact=True)
def fal(r): return C({"X": val(r, dims(r, 0, 4, .05), anydt(r, ["bool"]))}, {"value": r.choice([0., 1., 2.5, -3.]), "dtype": r.choice([None, -1, 0, 2, 3, 5, 6])})
@gen("fill_zeros_like", exact=True)
def fzl(r): return C({"X": val(r, dims(r, 0, 4, .05), anydt(r, ["bool"]))})
@gen("range")
def range_(r):
    dt = r.choice(["float32", "float64", "int32", "int64"]); a = r.randint(-5, 5); n = r.randint(1, 6); st = r.choice([1, 2, 3, -1, -2])
    if dt[0] == "f": st = r.choice([.5, .25, .1, -.3, 1.7])
    b = a + st * n + (r.choice([0, 0, .1]) if dt[0] == "f" else 0)
    one = lambda v: V([v] if some(r, .8) else v, dt)
    return C({"Start": one(a), "End": one(b), "Step": one(st)})
@gen("linspace")
def linspace(r):
    dt = r.choice(["float32", "float64", "int32", "int64"]); o = r.choice([None, 5, 6, 3, 2]); n = r.randint(1, 9)
    return C({"Start": V([r.randint(-4, 4)], dt), "Stop": V([r.randint(-4, 9)], dt), "Num": V([n], "int32")}, {"dtype": o})
@gen("eye", exact=True)
def eye(r): return C({}, {"num_rows": dim(r), "num_columns": r.choice([None, -1, 2, 5]), "dtype": r.choice([5, 6, 2, 3])})
@gen("meshgrid")
def meshgrid(r): dt = anydt(r); n = r.randint(1, 4); return C({"X": [val(r, [dim(r)] if some(r, .85) else [], dt) for _ in range(n)]}, {}, outs={"Out": n})
@gen("cast")
def cast(r): 
    a = r.choice(["bool", "int8", "uint8", "int16", "int32", "int64", "float32", "float64", "float16"]); b = r.choice(["bool", "int8", "uint8", "int16", "int32", "int64", "float32", "float64"]); s = dims(r, 0, 3, .05)
    return C({"X": val(r, s, a, lo=0 if b == "uint8" else -3)}, {"in_dtype": DT[a], "out_dtype": DT[b]}, grad=a in ("float32", "float64") and b in ("float32", "float64"))
@gen("increment", exact=True)
def increment(r): return C({"X": val(r, r.choice([[1], [], [1, 1], [2]]), anydt(r))}, {"step": r.choice([None, 2., 1.5, -3.])}, grad=False)
@gen("crop_tensor", "crop")
def crop(r, op):
    s = dims(r, 1, 4, 0); off = [r.randint(0, d - 1) for d in s]; sh = [r.randint(1, d - o) for d, o in zip(s, off)]
    x = {"X": val(r, s, anydt(r))}; at = {"shape": sh, "offsets": off}
    if op == "crop_tensor":
        if some(r, .2): at["shape"] = [-1 if some(r, .4) else v for v in sh]
        elif some(r, .3): x["Shape"] = V(sh, "int32"); at.pop("shape")
        elif some(r, .3): x["ShapeTensor"] = int_list(r, sh, "int32")
        if some(r, .2): x["Offsets"] = V(off, "int32"); at.pop("offsets")
        elif some(r, .2): x["OffsetsTensor"] = int_list(r, off, "int32")
    elif some(r, .2): x["Offsets"] = V(off, "int32"); at.pop("offsets")
    return C(x, at, wrt=["X"])
@gen("lookup_table_v2", "lookup_table")
def lookup(r, op):
    v, d = r.randint(2, 6), dim(r); s = dims(r, 0 if op == "lookup_table_v2" else 1, 3, .03)
    if op == "lookup_table": s = s + [1]
    pad = r.choice([None, -1, 0, 1]); ids = I(*s, lo=0, hi=v, dt=r.choice(["int64", "int64", "int32"]) if op == "lookup_table_v2" else "int64")
    return C({"W": F(v, d, dt=fdt(r)), "Ids": ids}, {"padding_idx": pad, "is_sparse": some(r, .4) or None}, wrt=["W"])
@gen("unique")
def unique(r):
    srt = some(r, .75); s = dims(r, 1, 3, 0) if srt else [dim(r)]; at = {"dtype": r.choice([2, 3]), "is_sorted": srt, "axis": [axis_of(r, len(s), 0)] if srt and some(r, .4) else []}
    outs = {"Indices": 1, "Index": 1, "Counts": 1} if srt else {"Index": 1}
    if srt: at.update(return_index=True, return_inverse=True, return_counts=True)
    return C({"X": I(*s, lo=0, hi=3, dt=anydt(r))}, at, outs=outs, grad=False)
@gen("shard_index")
def shard_index(r): return C({"X": I(*dims(r, 0, 2, 0), 1, lo=0, hi=20, dt=r.choice(["int32", "int64"]))}, {"index_num": 20, "nshards": r.choice([2, 3]), "shard_id": r.choice([0, 1]), "ignore_value": r.choice([None, -5])})
@gen("fill_any")
def fill_any(r): return C({"X": val(r, dims(r, 0, 3, 0), anydt(r, ["bool", "uint8"]))}, {"value": r.choice([None, 2.5, 1., 0.])})
@gen("fill_diagonal")
def fill_diagonal(r):
    n = dim(r); s = [dim(r), dim(r)] if some(r, .7) else [n] * r.randint(3, 4)
    return C({"X": val(r, s, anydt(r, ["bool"]))}, {"value": r.choice([None, 2.5, 1.]), "offset": r.randint(-2, 2) if len(s) == 2 and some(r) else None, "wrap": some(r) if some(r) else None})
@gen("index_add")
def index_add(r):
    s = dims(r, 1, 4, 0); a = axis_of(r, len(s), 0); k = dim(r); t = list(s); t[a] = k; dt = anydt(r)
    return C({"X": val(r, s, dt), "Index": I(k, lo=0, hi=s[a], dt=r.choice(["int32", "int64"])), "AddValue": val(r, t, dt)}, {"axis": a}, wrt=["X", "AddValue"])
@gen("broadcast_tensors")
def broadcast_tensors(r):
    full = dims(r, 0, 3, 0); dt = anydt(r, ["bool"]); n = r.randint(1, 3)
    cut = lambda: [1 if some(r, .3) else d for d in full[r.randint(0, len(full)) if some(r) else 0:]]
    return C({"X": [val(r, cut(), dt) for _ in range(n)]}, {}, outs={"Out": n})
@gen("sequence_mask", exact=True)
def sequence_mask(r):
    x = {"X": I(*dims(r, 0, 2, 0), lo=0, hi=5, dt=r.choice(["int64", "int32", "float32"]))}; at = {"maxlen": r.choice([None, -1, 3, 6]), "out_dtype": r.choice([0, 2, 3, 5, 6])}
    if some(r, .3): x["MaxLenTensor"] = V([4], "int32")
    return C(x, at)
@gen("tril_indices", exact=True)
def tril_indices(r): return C({}, {"rows": r.randint(0, 5), "cols": r.randint(0, 5), "offset": r.randint(-3, 3), "dtype": r.choice([2, 3])})
@gen("triu_indices", exact=True)
def triu_indices(r): return C({}, {"row": r.randint(0, 5), "col": r.randint(0, 5), "offset": r.randint(-3, 3), "dtype": r.choice([2, 3])})
@gen("set_value", exact=True)
def set_value(r):
    s = dims(r, 1, 4, 0); k = r.randint(1, len(s)); ax = sorted(r.sample(range(len(s)), k)); st, en, sp = [], [], []; t = list(s)
    for a in ax:
        step = r.choice([1, 1, 2, -1]); b, e = sorted([r.randint(0, s[a]), r.randint(0, s[a])])
        if b == e: b, e = 0, s[a]
        if step < 0: b, e = e - 1, (b - 1 if b > 0 else -s[a] - 1)
        st.append(b); en.append(e); sp.append(step); t[a] = len(range(b, e if e >= -s[a] else -1, step))
    dt = anydt(r, ["bool"]); x = {"Input": val(r, s, dt)}; at = {"axes": ax, "dtype": DT[dt]}
    dec = [a for a in ax if t[a] == 1 and some(r, .5)]
    if dec: at["decrease_axes"] = dec
    vs = [d for i, d in enumerate(t) if i not in dec]; vs = [1 if some(r, .2) else d for d in vs[r.randint(0, len(vs)) if some(r, .4) else 0:]]
    for n, v in (("Starts", st), ("Ends", en), ("Steps", sp)):
        if some(r, .15): x[n + "TensorList"] = int_list(r, v, "int64")
        else: at[n.lower()] = v
    if some(r, .7): x["ValueTensor"] = val(r, vs, dt)
    else:
        at["shape"] = vs; at["values"] = [bool(r.randint(0, 1)) if dt == "bool" else float(r.randint(-4, 4)) if dt[0] == "f" else r.randint(-4, 4) for _ in range(prod(vs))]
    return C(x, at, grad=False)
@gen("repeat_interleave")
def repeat_interleave(r): s = dims(r, 1, 3, 0); return C({"X": val(r, s, anydt(r))}, {"dim": r.randrange(len(s)), "Repeats": r.randint(1, 3)}, wrt=["X"])
@gen("trace")
def trace(r): s = dims(r, 2, 4, 0); a, b = r.sample(range(len(s)), 2); return C({"Input": val(r, s, anydt(r))}, {"offset": r.randint(-2, 2), "axis1": a, "axis2": b})
@gen("bincount")
def bincount(r):
    n = dim(r); x = {"X": I(n, lo=0, hi=6, dt=r.choice(["int32", "int64"]))}
    if some(r, .5): x["Weights"] = val(r, [n], anydt(r))
    return C(x, {"minlength": r.choice([0, 3, 10])})
@gen("searchsorted")
def searchsorted(r): np = __import__("numpy"); n = dim(r); dt = anydt(r); return C({"SortedSequence": T([n], dt, lambda g: np.sort(g.randint(0, 9, n))), "Values": I(*dims(r, 0, 3, 0), lo=0, hi=9, dt=dt)}, {"right": some(r), "out_int32": some(r)})
