"""Cases for attributes and element types that Paddle's users write and neither the given nor the random cases held, run by
paddlepaddle==2.6.2 and written in the format of test/golden/ops.

    python tools/oracle/op_extra.py OUTFILE.jsonl.gz

test/golden/ops_extra/paddle_2.6.2.jsonl.gz is its output.
"""
import gzip, itertools, json, sys
from op_case_engine import Case, F, I, V, in_child, make

CASES = []
def add(op, inputs, attrs, **options):
    CASES.append(Case(op, "extra_%d" % (1 + sum(c.op == op for c in CASES)), inputs, attrs, **options))


# An index of -1 in a tensor, which programs write as a slice from -1 to 0.
LAST = (([0], [0], [-1], [0]), ([0, 1], [1], [0, -1], [2, 0]), ([1, 0], [0, 1], [-1, -1], [0, 0]))
for op, (axes, dropped, starts, ends), as_list in itertools.product(("slice", "strided_slice"), LAST, (True, False)):
    for stride in (1, 2, -1) if op == "strided_slice" else (None,):
        attrs = dict(axes=axes, starts=[], ends=[], infer_flags=[-1] * len(axes), decrease_axis=dropped)
        if stride: attrs["strides"] = [stride if axis in dropped else 1 for axis in axes]
        bounds = {"StartsTensorList": [V([x], "int32") for x in starts], "EndsTensorList": [V([x], "int32") for x in ends]} if as_list else {
            "StartsTensor": V(starts, "int64"), "EndsTensor": V(ends, "int64")}
        add(op, {"Input": F(3, 4, 2), **bounds}, attrs, wrt=["Input"])

# Images of bytes: the last bit of the float32 sum decides by one.
for name, sizes, outs in (("linear", (9,), (("w", 14),)), ("bilinear", (7, 8), (("h", 12), ("w", 5))), ("trilinear", (4, 5, 6), (("d", 7), ("h", 3), ("w", 11)))):
    for version, aligned, mode, last in itertools.product(("", "_v2"), (True, False), (0, 1), (True, False)):
        if name == "linear" and version == "": continue
        shape = (2, *sizes, 3) if last else (2, 3, *sizes)
        add(name + "_interp" + version, {"X": I(*shape, lo=0, hi=256, dt="uint8")},
            {"out_" + axis: size for axis, size in outs} | dict(interp_method=name, align_corners=aligned, align_mode=mode, data_layout="NHWC" if last else "NCHW"), grad=False)


def main():
    lines = []
    for case in CASES:
        line, message = in_child(lambda: make(case, "oarlock-extra", True, True, (0, 0)))
        if message: print("%s/%s: %s" % (case.op, case.name, message))
        if line: lines.append(line)
    with gzip.GzipFile(sys.argv[1], "wb", mtime=0) as f: f.write(("\n".join(lines) + "\n").encode())
    print(len(lines), "cases")


if __name__ == "__main__": main()
