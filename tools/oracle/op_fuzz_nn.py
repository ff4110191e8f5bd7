"""Random cases: convolution, pooling, normalization, resize and what goes with them."""
from op_fuzz_draw import *


def window(r, n, kernel, size, dil):
    """(paddings, padding_algorithm) for n spatial dimensions"""
    algo = r.choice([None, None, "EXPLICIT", "SAME", "VALID"])
    if some(r, .7): p = [r.randint(0, max(k // 2, 1) if k > 1 else 0) for k in kernel]
    else: p = [r.randint(0, max(k // 2, 1) if k > 1 else 0) for k in kernel for _ in range(2)]
    return p, algo


def conv_case(r, op, n, transpose=False, depthwise=False):
    dt = fdt(r); g = r.choice([1, 1, 2, 3]); ic = g * r.randint(1, 2); k = [r.choice([1, 2, 3]) for _ in range(n)]; dil = [r.choice([1, 1, 2]) for _ in range(n)]
    size = [max((kk - 1) * d + 1, r.randint(2, 6 if n < 3 else 4)) for kk, d in zip(k, dil)]; st = [r.choice([1, 1, 2, 3]) for _ in range(n)]
    if depthwise: g = ic
    m = r.randint(1, 2)
    fmt = r.choice([None, None, "NCHW" if n == 2 else "NCDHW", "NHWC" if n == 2 else "NDHWC"])
    if transpose and n == 3: fmt = r.choice([None, "NCHW", "NCDHW", "NHWC"])
    last = fmt in ("NHWC", "NDHWC")
    batch = r.choice([1, 2])
    x = [batch, *size, ic] if last else [batch, ic, *size]
    if transpose: w = [ic, m, *k]
    else: w = [g * m, ic // g, *k]
    p, algo = window(r, n, k, size, dil)
    at = {"strides": st, "paddings": p, "dilations": dil, "groups": g, "data_format": fmt, "padding_algorithm": algo}
    if transpose and some(r, .2):
        at["output_size"] = [r.randint(4, 9) for _ in range(n)]
    elif transpose and some(r, .3): at["output_padding"] = [r.randint(0, max(s - 1, 0)) for s in st]
    return C({"Input": F(*x, dt=dt), "Filter": F(*w, dt=dt, lo=-1, hi=1)}, at)


@gen("conv2d", tol=CONV)
def conv2d(r): return conv_case(r, "conv2d", 2)
@gen("depthwise_conv2d", tol=CONV)
def depthwise(r): return conv_case(r, "d", 2, depthwise=True)
@gen("conv2d_transpose", tol=CONV)
def conv2d_transpose(r): return conv_case(r, "t", 2, transpose=True)
@gen("depthwise_conv2d_transpose", tol=CONV)
def depthwise_t(r): return conv_case(r, "t", 2, transpose=True, depthwise=True)
@gen("conv3d", tol=CONV)
def conv3d(r): return conv_case(r, "c", 3)
@gen("conv3d_transpose", tol=CONV)
def conv3d_transpose(r): return conv_case(r, "t", 3, transpose=True)


def pool_case(r, n):
    dt = fdt(r); k = [r.choice([1, 2, 3]) for _ in range(n)]; size = [r.randint(kk, 6 if n < 3 else 4) for kk in k]; c = r.randint(1, 3)
    fmt = r.choice([None, None, "NCHW" if n == 2 else "NCDHW", "NHWC" if n == 2 else "NDHWC"]); last = fmt in ("NHWC", "NDHWC")
    kind = r.choice(["max", "avg"]); p, algo = window(r, n, k, size, k)
    at = {"pooling_type": kind, "ksize": k, "strides": [r.choice([1, 2, 3]) for _ in range(n)], "paddings": p, "padding_algorithm": algo, "data_format": fmt, "ceil_mode": some(r, .4) or None,
          "exclusive": False if some(r, .4) else None, "global_pooling": some(r, .12) or None}
    if some(r, .2): at["adaptive"] = True
    x = [2, *size, c] if last else [2, c, *size]
    return C({"X": distinct(x, dt) if kind == "max" else F(*x, dt=dt)}, at)
@gen("pool2d", tol=RED)
def pool2d(r): return pool_case(r, 2)
@gen("pool3d", tol=RED)
def pool3d(r): return pool_case(r, 3)
@gen("max_pool2d_with_index", "max_pool3d_with_index")
def max_pool(r, op):
    n = 3 if "3d" in op else 2; k = [r.choice([1, 2, 3]) for _ in range(n)]; size = [r.randint(kk, 6 if n == 2 else 4) for kk in k]
    return C({"X": distinct([2, 2, *size], fdt(r))}, {"ksize": k, "strides": [r.choice([1, 2, 3]) for _ in range(n)], "paddings": [r.randint(0, kk // 2) for kk in k], "global_pooling": some(r, .1) or None, "adaptive": some(r, .2) or None}, cot=["Out"])


@gen("batch_norm", tol=CONV)
def batch_norm(r):
    dt = fdt(r); c = r.randint(1, 3); sp = [dim(r) for _ in range(r.choice([0, 1, 2, 2, 3]))]; lay = r.choice([None, "NCHW", "NHWC"]); n = r.randint(2, 3)
    x = [n, *sp, c] if lay == "NHWC" else [n, c, *sp]
    test = some(r, .3)
    at = {"momentum": r.choice([None, .8, .99]), "epsilon": r.choice([None, 1e-3]), "is_test": test or None, "data_layout": lay, "use_global_stats": some(r, .25) or None, "trainable_statistics": some(r, .1) or None}
    saved = ("SavedMean", "SavedVariance") if test or at["use_global_stats"] else ()  # without statistics of the batch nobody sets them
    x = {"X": F(*x, dt=dt), "Scale": F(c, dt=dt), "Bias": F(c, dt=dt), "Mean": F(c, dt=dt), "Variance": F(c, lo=.5, hi=2, dt=dt)}
    if some(r, .2): x["MomentumTensor"] = V([.7], "float32")
    return C(x, at, outs={"ReserveSpace": 1}, alias={"MeanOut": "Mean", "VarianceOut": "Variance"}, wrt=["X", "Scale", "Bias"], cot=["Y"], unspecified=("ReserveSpace", *saved))
@gen("layer_norm", tol=CONV)
def layer_norm(r):
    s = dims(r, 2, 4, 0); a = r.randint(1, len(s) - 1); s[-1] = max(s[-1], 2); n = 1
    for d in s[a:]: n *= d
    dt = fdt(r); x = {"X": F(*s, dt=dt)}
    if some(r, .8): x["Scale"] = F(n, dt=dt)
    if some(r, .8): x["Bias"] = F(n, dt=dt)
    return C(x, {"begin_norm_axis": a, "epsilon": r.choice([None, 1e-3])}, cot=["Y"])
@gen("group_norm", tol=CONV)
def group_norm(r):
    g = r.choice([1, 2, 3]); c = g * r.randint(1, 2); sp = [dim(r) for _ in range(r.choice([1, 2, 2, 3]))]; sp[0] = max(sp[0], 2); lay = r.choice([None, "NCHW", "NHWC"]); dt = fdt(r)
    x = {"X": F(*([2, *sp, c] if lay == "NHWC" else [2, c, *sp]), dt=dt)}
    if some(r, .8): x["Scale"] = F(c, dt=dt)
    if some(r, .8) and "Scale" in x: x["Bias"] = F(c, dt=dt)
    return C(x, {"groups": g, "data_layout": lay, "epsilon": r.choice([None, 1e-3])}, cot=["Y"])
@gen("instance_norm", tol=CONV)
def instance_norm(r):
    c = r.randint(1, 3); sp = [dim(r) for _ in range(r.choice([1, 2, 3]))]; sp[0] = max(sp[0], 3); dt = fdt(r); x = {"X": F(2, c, *sp, dt=dt)}
    if some(r, .8): x["Scale"] = F(c, dt=dt); x["Bias"] = F(c, dt=dt)
    return C(x, {"epsilon": r.choice([None, 1e-3])}, cot=["Y"])
@gen("affine_channel", tol=RED)
def affine_channel(r):
    c = r.randint(1, 3); lay = r.choice([None, "NCHW", "NHWC"]); dt = fdt(r); sp = [dim(r), dim(r)]
    return C({"X": F(*([2, *sp, c] if lay == "NHWC" else [2, c, *sp]), dt=dt), "Scale": F(c, dt=dt), "Bias": F(c, dt=dt)}, {"data_layout": lay})
@gen("lrn", tol=CONV)
def lrn(r):
    lay = r.choice([None, "NCHW", "NHWC"]); return C({"X": F(2, 4, 3, 5)}, {"n": r.choice([3, 5, None]), "k": r.choice([None, 1.]), "alpha": r.choice([None, .01]), "beta": r.choice([None, .5]), "data_format": lay}, cot=["Out"])


def interp_case(r, op, n, method):
    dt = fdt(r); sp = [r.randint(1, 5) for _ in range(n)]; c = r.randint(1, 3)
    names = (None, "NCHW", "NHWC")
    lay = r.choice(names); last = lay in ("NHWC", "NDHWC")
    out = [r.randint(1, 7) for _ in range(n)]; v2 = op.endswith("_v2")
    at = {"interp_method": "nearest" if method == "trilinear" and op.endswith("_v2") and some(r, .2) else method, "align_corners": some(r) if some(r, .8) else None, "align_mode": r.choice([None, 0, 1]), "data_layout": lay}
    x = {"X": F(*([2, *sp, c] if last else [2, c, *sp]), dt=dt)}
    keys = ["out_d", "out_h", "out_w"][3 - n:]
    way = r.choice(["out", "out", "scale", "outsize", "sizetensor", "scaletensor"])
    if way == "out": at.update(zip(keys, out))
    elif way == "outsize": x["OutSize"] = V(out, "int32"); at.update(zip(keys, [2] * n)) if some(r) else None
    elif way == "sizetensor": x["SizeTensor"] = [V([v], "int32") for v in out]
    else:
        sc = [r.choice([.5, .7, 1.5, 2., 3.]) for _ in range(n)]
        sc = [max(s, 1.01 / d) for s, d in zip(sc, sp)]
        sc = [round(s, 3) + (.001 if round(s, 3) * d < 1 else 0) for s, d in zip(sc, sp)]
        if v2: at["scale"] = sc if some(r, .7) or len(set(sc)) > 1 else sc[:1]
        else: at["scale"] = sc[0]
        if way == "scaletensor":
            x["Scale"] = V(at.pop("scale") if v2 else [at.pop("scale")], "float32")
    return C(x, at, wrt=["X"])
for _op, _n, _m in (("bilinear_interp_v2", 2, "bilinear"), ("nearest_interp_v2", 2, "nearest"), ("bilinear_interp", 2, "bilinear"), ("nearest_interp", 2, "nearest"), ("bicubic_interp_v2", 2, "bicubic"),
                    ("linear_interp_v2", 1, "linear"), ("trilinear_interp_v2", 3, "trilinear"), ("linear_interp", 1, "linear"), ("trilinear_interp", 3, "trilinear"), ("bicubic_interp", 2, "bicubic")):
    gen(_op, tol=CONV)(lambda r, _op=_op, _n=_n, _m=_m: interp_case(r, _op, _n, _m))


@gen("grid_sampler", tol=CONV)
def grid_sampler(r):
    dt = fdt(r); h, w, oh, ow = (r.randint(1, 5) for _ in range(4))
    return C({"X": F(2, 2, h, w, dt=dt), "Grid": F(2, oh, ow, 2, lo=-1.4, hi=1.4, dt=dt)}, {"mode": r.choice([None, "bilinear", "nearest"]), "padding_mode": r.choice([None, "zeros", "border", "reflection"]), "align_corners": some(r) if some(r, .8) else None})
@gen("affine_grid", tol=CONV)
def affine_grid(r):
    n = r.choice([2, 2, 3]); s = [2, 3] + [r.randint(1, 4) for _ in range(n)]; x = {"Theta": F(2, n, n + 1, dt=fdt(r))}; at = {"output_shape": s, "align_corners": some(r) if some(r, .8) else None}
    if some(r, .25): x["OutputShape"] = V(s, "int32"); at.pop("output_shape")
    return C(x, at)
@gen("pad3d")
def pad3d(r):
    sp = [r.randint(2, 4) for _ in range(3)]; lay = r.choice([None, "NCDHW", "NDHWC"]); c = r.randint(1, 2); p = [r.randint(0, 2 if some(r, .9) else 4) for _ in range(6)]
    x = {"X": val(r, [2, *sp, c] if lay == "NDHWC" else [2, c, *sp], anydt(r))}; at = {"paddings": p, "mode": r.choice([None, "constant", "reflect", "replicate", "circular"]), "value": r.choice([None, 1.5]), "data_format": lay}
    if some(r, .2): x["Paddings"] = V(p, "int32"); at.pop("paddings")
    return C(x, at, wrt=["X"])
@gen("pixel_shuffle")
def pixel_shuffle(r): u = r.choice([1, 2, 3]); lay = r.choice([None, "NCHW", "NHWC"]); c = u * u * r.randint(1, 2); h, w = dim(r), dim(r); return C({"X": F(*([2, h, w, c] if lay == "NHWC" else [2, c, h, w]), dt=fdt(r))}, {"upscale_factor": u, "data_format": lay})
@gen("pixel_unshuffle")
def pixel_unshuffle(r): u = r.choice([1, 2, 3]); lay = r.choice([None, "NCHW", "NHWC"]); c = r.randint(1, 2); h, w = u * dim(r), u * dim(r); return C({"X": F(*([2, h, w, c] if lay == "NHWC" else [2, c, h, w]), dt=fdt(r))}, {"downscale_factor": u, "data_format": lay})
@gen("shuffle_channel")
def shuffle_channel(r): g = r.choice([1, 2, 3]); return C({"X": F(2, g * r.randint(1, 2), dim(r), dim(r), dt=fdt(r))}, {"group": g})
@gen("channel_shuffle")
def channel_shuffle(r): g = r.choice([1, 2, 3]); c = g * r.randint(1, 2); lay = r.choice([None, "NCHW", "NHWC"]); h, w = dim(r), dim(r); return C({"X": F(*([2, h, w, c] if lay == "NHWC" else [2, c, h, w]), dt=fdt(r))}, {"groups": g, "data_format": lay})
@gen("space_to_depth")
def space_to_depth(r): b = r.choice([2, 2, 3]); return C({"X": F(2, b * b * r.randint(1, 2), b * r.randint(1, 2), b * r.randint(1, 2), dt=fdt(r))}, {"blocksize": b})
@gen("temporal_shift")
def temporal_shift(r): t = r.randint(1, 3); c = r.randint(2, 5); lay = r.choice([None, "NCHW", "NHWC"]); return C({"X": F(*([2 * t, 2, 3, c] if lay == "NHWC" else [2 * t, c, 2, 3]), dt=fdt(r))}, {"seg_num": t, "shift_ratio": r.choice([None, .25, .4]), "data_format": lay})
@gen("unfold", tol=RED)
def unfold(r): return C({"X": F(2, r.randint(1, 2), r.randint(4, 6), r.randint(4, 6), dt=fdt(r))}, {"kernel_sizes": [r.randint(1, 2) for _ in range(2)], "strides": [r.randint(1, 2) for _ in range(2)], "paddings": [r.randint(0, 1) for _ in range(4)], "dilations": [r.randint(1, 2) for _ in range(2)]})
@gen("fold", tol=RED)
def fold(r):
    k = [r.randint(1, 2) for _ in range(2)]; st = [r.randint(1, 2) for _ in range(2)]; dl = [r.randint(1, 2) for _ in range(2)]; p = [r.randint(0, 1) for _ in range(4)]; o = [r.randint(4, 6) for _ in range(2)]
    l = 1
    for i in range(2): l *= (o[i] + p[i] + p[i + 2] - dl[i] * (k[i] - 1) - 1) // st[i] + 1
    return C({"X": F(2, r.randint(1, 2) * k[0] * k[1], l, dt=fdt(r))}, {"output_sizes": o, "kernel_sizes": k, "strides": st, "paddings": p, "dilations": dl})
@gen("prelu")
def prelu(r):
    mode = r.choice(["all", "channel", "element"]); lay = r.choice([None, "NCHW", "NHWC"]); s = dims(r, 2, 4, 0); dt = fdt(r)
    a = [1] if mode == "all" else ([s[-1]] if lay == "NHWC" else [s[1]]) if mode == "channel" else [1, *s[1:]]
    if mode == "channel" and some(r, .3) and lay != "NHWC": a = [1, s[1]] + [1] * (len(s) - 2)
    return C({"X": N(*s, dt=dt), "Alpha": F(*a, dt=dt)}, {"mode": mode, "data_format": lay})
@gen("maxout")
def maxout(r):
    g = r.choice([2, 2, 3]); a = r.choice([None, 1, 3, -1]); c = g * r.randint(1, 2)
    return C({"X": distinct([2, dim(r), dim(r), c] if a in (3, -1) else [2, c, dim(r), dim(r)], fdt(r))}, {"groups": g, "axis": a})
@gen("dropout")
def dropout(r):
    p = r.choice([0., .3, .5, 1.]); x = {"X": F(*dims(r, 0, 3, .03), dt=fdt(r))}; at = {"dropout_prob": p, "is_test": some(r, .3) or None, "dropout_implementation": r.choice([None, "upscale_in_train", "downgrade_in_infer"])}
    if some(r): at.update(fix_seed=True, seed=r.randint(1, 99))
    if some(r, .2): x["Seed"] = V([7], "int32")
    return C(x, at, gen_seed=11, wrt=["X"], cot=["Out"])
@gen("rnn", tol=CONV)
def rnn(r):
    mode = r.choice(["LSTM", "GRU", "RNN_TANH", "RNN_RELU"]); g = {"LSTM": 4, "GRU": 3}.get(mode, 1); h, i, L = r.randint(1, 3), r.randint(1, 3), r.choice([1, 2]); bi = some(r, .4); d = 2 if bi else 1; t, b = r.randint(1, 4), r.randint(1, 3)
    dt = fdt(r); W = []
    for l in range(L):
        for _ in range(d): W += [F(g * h, i if l == 0 else h * d, lo=-.5, hi=.5, dt=dt), F(g * h, h, lo=-.5, hi=.5, dt=dt)]
    for _ in range(L * d): W += [F(g * h, lo=-.2, hi=.2, dt=dt), F(g * h, lo=-.2, hi=.2, dt=dt)]
    st = [F(L * d, b, h, dt=dt)] * (2 if mode == "LSTM" else 1)
    x = {"Input": F(t, b, i, dt=dt), "PreState": st, "WeightList": W}
    if some(r, .3) and not bi: x["SequenceLength"] = I(b, lo=1, hi=t + 1, dt="int32")
    return C(x, {"mode": mode, "input_size": i, "hidden_size": h, "num_layers": L, "is_bidirec": bi, "dropout_prob": 0.0, "is_test": False}, outs={"State": len(st), "DropoutState": 1}, cot=["Out", "State"], out_types={"Reserve": "uint8", "DropoutState": "uint8"}, unspecified=("Reserve", "DropoutState"))
