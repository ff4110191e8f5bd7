"""What the generators of random operator cases share: the table of generators, and draws of shapes, element types and values."""
from op_case_engine import Case, F, N, D, I, B, S, V, Z, T, Rows, PROTOS  # noqa: F401

GENERATORS = {}
TOLERANCES = {}
EXACT = set()
DT = {"bool": 0, "int16": 1, "int32": 2, "int64": 3, "float16": 4, "float32": 5, "float64": 6, "uint8": 20, "int8": 21}
CONV, RED = (5e-6, 2e-6), (2e-6, 1e-6)


def gen(*ops, tol=None, exact=False):
    """Registers a generator: fn(r) -> Case without op and name, or fn(r, op) for several operators."""
    def add(fn):
        for op in ops:
            if op not in PROTOS: continue  # not in this Paddle
            GENERATORS[op] = (lambda r, op=op: fn(r, op)) if fn.__code__.co_argcount == 2 else fn
            if tol: TOLERANCES[op] = tol
            if exact: EXACT.add(op)
        return fn
    return add


def C(inputs=None, attrs=None, **kw): return Case("", "", inputs or {}, {k: v for k, v in (attrs or {}).items() if v is not None}, **kw)


def some(r, p=0.5): return r.random() < p
def dim(r, hi=5): return r.choice([1, 1, 2, 2, 3, 3, 4, 5][: hi + 3])
def dims(r, lo=0, hi=4, zero=0.04, big=5):
    n = r.randint(lo, hi)
    return [0 if some(r, zero) else dim(r, big) for _ in range(n)]
def fdt(r): return r.choice(["float32", "float32", "float32", "float64"])
def anydt(r, more=()): return r.choice(["float32", "float32", "float64", "int32", "int64", *more])
def val(r, shape, dt, lo=-3, hi=3):
    """values of an element type"""
    if dt == "bool": return B(*shape)
    if dt.startswith("float"): return F(*shape, lo=lo, hi=hi, dt=dt)
    if dt == "uint8": lo = max(lo, 0)
    return I(*shape, lo=int(lo * 3) if dt != "uint8" else 0, hi=int(hi * 3) + 1, dt=dt)
def distinct(shape, dt): return D(*shape, dt=dt, step=0.25 if dt.startswith("float") else 1)
def axis_of(r, rank, bad=0.04):
    if some(r, bad): return r.choice([rank, -rank - 1])
    return r.randint(-rank, rank - 1) if rank else r.choice([0, -1])
def axes_of(r, rank, lo=1):
    if rank == 0: return []
    ax = r.sample(range(rank), r.randint(min(lo, rank), rank))
    return [a - rank if some(r, 0.3) else a for a in ax]
def broadcast_pair(r, hi=4, zero=0.02):
    """(shape of X, shape of Y, axis)"""
    full = dims(r, 0, hi, zero)
    kind = r.choice(["numpy", "numpy", "axis", "same", "bad"])
    if kind == "same": return full, list(full), -1
    if kind == "axis" and full:
        a = r.randint(0, len(full) - 1); b = r.randint(a + 1, len(full))
        y = [1 if some(r, 0.15) else d for d in full[a:b]]
        return full, y + [1] * (r.random() < 0.2 and b < len(full)), a
    if kind == "bad" and some(r, 0.4): return full, dims(r, 0, hi, 0), r.choice([-1, 0, 1])
    cut = lambda: [1 if some(r, 0.25) else d for d in full[r.randint(0, len(full)) if some(r) else 0:]]
    x, y = cut(), cut()
    return x, y, -1
def ints_tensor(r, values, dt=None): return V(values, dt or r.choice(["int32", "int64"]), (len(values),))
def int_list(r, values, dt=None):
    """a list of one-element tensors"""
    return [V([v], dt or r.choice(["int32", "int64"])) if some(r, 0.8) else V(v, "int32") for v in values]
