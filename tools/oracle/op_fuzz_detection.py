"""Random cases: boxes of detectors."""
from op_fuzz_draw import *
import numpy as np


def boxes(n, dt, size=1.0):
    """n boxes [left, top, right, bottom] within [0, size)"""
    def d(g):
        a = np.sort(g.uniform(0, size, (n, 2, 2)).round(3), axis=1)
        a[:, 1] += .05 * size
        return a.reshape(n, 4)
    return T([n, 4], dt, d)
@gen("iou_similarity", tol=RED)
def iou_similarity(r): dt = fdt(r); pixels = some(r); return C({"X": boxes(dim(r), dt, 20 if pixels else 1.), "Y": boxes(dim(r), dt, 20 if pixels else 1.)}, {"box_normalized": not pixels if pixels or some(r) else None})
@gen("yolo_box", tol=CONV)
def yolo_box(r):
    a = r.randint(1, 3); c = r.randint(1, 3); n = r.randint(1, 2); iou = some(r, .3); h, w = dim(r), dim(r)
    return C({"X": F(n, a * (c + (6 if iou else 5)), h, w, dt=fdt(r)), "ImgSize": I(n, 2, lo=50, hi=200, dt="int32")},
             {"anchors": [r.randint(5, 60) for _ in range(2 * a)], "class_num": c, "conf_thresh": r.choice([.01, .4, .6]), "downsample_ratio": r.choice([8, 16, 32]), "clip_bbox": some(r) if some(r) else None,
              "scale_x_y": r.choice([None, 1.05, 1.2]), "iou_aware": iou or None, "iou_aware_factor": r.choice([None, .4])})
@gen("prior_box", tol=RED)
def prior_box(r):
    dt = fdt(r); k = r.randint(1, 2); mn = [float(r.randint(5, 20)) for _ in range(k)]
    return C({"Input": F(1, 2, dim(r), dim(r), dt=dt), "Image": F(1, 3, r.randint(30, 60), r.randint(30, 60), dt=dt)},
             {"min_sizes": mn, "max_sizes": [m + 7.5 for m in mn] if some(r) else None, "aspect_ratios": r.choice([None, [2.], [1., 2., 3.], [.5, 2.]]), "variances": [.1, .1, .2, .2], "flip": some(r), "clip": some(r),
              **({"step_w": 9., "step_h": 8.} if some(r, .3) else {}), "offset": r.choice([None, .3]), "min_max_aspect_ratios_order": some(r) if some(r) else None})
@gen("box_coder", tol=CONV)
def box_coder(r):
    dt = fdt(r); m, n = dim(r), dim(r); norm = some(r); size = 1. if norm else 20.; x = {"PriorBox": boxes(m, dt, size)}; at = {"box_normalized": norm if not norm or some(r) else None}
    kind = r.choice(["var", "attr", "none"])
    if kind == "var": x["PriorBoxVar"] = F(m, 4, lo=.1, hi=.5, dt=dt)
    elif kind == "attr": at["variance"] = [.1, .1, .2, .25]
    if some(r): x["TargetBox"] = boxes(n, dt, size); at["code_type"] = "encode_center_size"
    else:
        a = r.choice([0, 1]); x["TargetBox"] = F(*([n, m, 4] if a == 0 else [m, n, 4]), lo=-1, hi=1, dt=dt); at.update(code_type="decode_center_size", axis=a)
    return C(x, at)
@gen("multiclass_nms3")
def multiclass_nms3(r):
    dt = fdt(r); n, m, c = r.randint(1, 2), r.randint(1, 8), r.randint(1, 3); norm = some(r); size = 1. if norm else 20.
    b = boxes(n * m, dt, size)
    return C({"BBoxes": T([n, m, 4], dt, lambda g: b.draw(g).reshape(n, m, 4)), "Scores": T([n, c, m], dt, lambda g: g.permutation(n * c * m).reshape(n, c, m) / (n * c * m))},
             {"score_threshold": r.choice([.01, .3]), "nms_top_k": r.choice([-1, 4, 100]), "keep_top_k": r.choice([-1, 3, 100]), "nms_threshold": r.choice([.1, .3, .7]), "normalized": norm, "nms_eta": r.choice([None, .9]), "background_label": r.choice([-1, 0])},
             outs={"NmsRoisNum": 1}, grad=False)
