"""Random cases: linear algebra on square matrices, and chains of products."""
import numpy as np
from op_fuzz_draw import *

LINEAR = (2e-5, 2e-6)


def regular(*shape, dt):
    """Matrices whose inverse is not much larger than they are."""
    return T(shape, dt, lambda g: np.round(g.uniform(-1, 1, shape), 3) + np.eye(shape[-1]) * g.choice([-3, 3], shape[:-2] + (1, 1)))
def squares(r, zero=.03, bad=.05):
    """shape of a stack of square matrices, now and then a bad one"""
    n = r.choice([1, 2, 2, 3, 4, 5]); batch = dims(r, 0, 2, zero, 3)
    if some(r, bad): return r.choice([[*batch, n, n + 1], [n], [], [0, 0]])
    return [*batch, n, n]
def matrix(r, shape, dt):
    if len(shape) < 2 or shape[-1] != shape[-2] or some(r, .1): return F(*shape, dt=dt)
    return regular(*shape, dt=dt)


@gen("inverse", "determinant", "slogdeterminant", tol=LINEAR)
def inverse(r):
    dt = fdt(r); s = squares(r)
    if len(s) >= 2 and s[-1] == s[-2] == 2 and some(r, .1): return C({"Input": T(s, dt, lambda g: np.full(s, 2.))})
    return C({"Input": matrix(r, s, dt)})
@gen("matrix_power", tol=LINEAR)
def matrix_power(r): dt = fdt(r); return C({"X": matrix(r, squares(r), dt)}, {"n": r.choice([-7, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 11])})
@gen("solve", tol=LINEAR)
def solve(r):
    dt = fdt(r); s = squares(r, 0, .03); n = s[-1] if s else 2; batch = s[:-2]
    y = r.choice([[*batch, n, dim(r)], [n, dim(r)], [n], [*batch, n], [dim(r), *[1] * max(len(batch), 1), n, dim(r)], [*[1 if some(r) else d for d in batch], n, dim(r)]])
    if some(r, .04): y = [n + 1, 2]
    return C({"X": matrix(r, s, dt), "Y": F(*y, dt=dt)})
@gen("triangular_solve", tol=LINEAR)
def triangular_solve(r):
    dt = fdt(r); s = squares(r, 0, .03); n = s[-1] if s else 2; batch = s[:-2]
    y = r.choice([[*batch, n, dim(r)], [n, dim(r)], [dim(r), *[1] * max(len(batch), 1), n, dim(r)], [*[1 if some(r) else d for d in batch], n, dim(r)]])
    if some(r, .03): y = [n]
    flag = lambda: some(r) if some(r, .7) else None
    return C({"X": matrix(r, s, dt), "Y": F(*y, dt=dt)}, {"upper": flag(), "transpose": flag(), "unitriangular": flag()})
@gen("multi_dot", tol=RED)
def multi_dot(r):
    dt = fdt(r); k = r.choice([2, 2, 3, 4, 5]) if some(r, .95) else 1; sizes = [dim(r) for _ in range(k + 1)]
    shapes = [[a, b] for a, b in zip(sizes, sizes[1:])]
    if some(r, .3): shapes[0] = [sizes[1]]
    if some(r, .3): shapes[-1] = [sizes[-2]]
    if some(r, .05): shapes[r.randrange(k)] = r.choice([[2, 3], [2, 2, 2], [3]])
    return C({"X": [F(*s, dt=dt) for s in shapes]})
