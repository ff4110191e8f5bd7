/**
 * Lowerings of linear, bilinear, trilinear and bicubic resizing and of their gradients. Where elements lie is computed as ops/nn/interp_grid.ts does
 * it, and sums are float64 in the order of ops/nn/interp_kernels.ts, so the bits are those of the TypeScript kernels.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { CUBIC, type GridAttrs, gridOf, isHalfPixel, ratiosOf } from '../../ops/nn/interp_grid.ts'
import type { Grid } from '../../ops/nn/interp_kernels.ts'
import { numel } from '../../tensor/shape.ts'
import type { FunctionBuilder, I32, Local } from './function_builder.ts'
import { type Code, f32, f64, i32, i32x4, v128 } from './instructions.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import type { Lowering } from './lowerings.ts'
import { copyPiece } from './movement.ts'
import type { OpReader } from './op_reader.ts'

type F64 = Code<'f64'>

/** A dimension, and where its table is: for each element of Out as many weights as there are taps, and the bytes to what they weigh. */
interface Dim {
  readonly size: number
  readonly out: number
  readonly taps: number
  readonly ratio: number
  /** Bytes from one element of X to the next. */
  readonly step: number
  /** Where weights and places begin in the tables. */
  readonly weights: number
  readonly places: number
}

interface Resizing extends Grid {
  readonly dims: readonly Dim[]
  /** Bytes of all tables. */
  readonly tables: number
  readonly attrs: GridAttrs
  /** Whether the product of a position is rounded by itself. */
  readonly twice: boolean
}

function resizingOf(
  op: OpReader,
  X: PlannedTensor,
  outShape: readonly number[],
  backward: boolean,
): Resizing | undefined {
  const attrs = op.attrs as unknown as GridAttrs
  if (op.input('Scale') !== undefined || attrs.interp_method === 'nearest') return undefined
  // No elements are looked at.
  const inputs = { X: { shape: X.shape, data: new Float32Array(0) }, SizeTensor: op.inputs('SizeTensor') }
  const second = op.type.includes('_v2')
  const grid = gridOf(inputs, outShape, attrs, second, backward)
  const ratios = ratiosOf(inputs, outShape, attrs, second)
  let tables = 0
  const take = (bytes: number): number => {
    tables += bytes
    return tables - bytes
  }
  const steps = grid.axes.map(
    (_, d) => 4 * grid.inner * grid.axes.slice(d + 1).reduce((all, { size }) => all * size, 1),
  )
  const entries = grid.axes.map(({ out, taps }) => out * taps)
  const weights = entries.map((count) => take(8 * count))
  const places = entries.map((count) => take(4 * count))
  const dims = grid.axes.map(({ size, out, taps }, d): Dim => {
    return { size, out, taps, ratio: ratios[d]!, step: steps[d]!, weights: weights[d]!, places: places[d]! }
  })
  const twice = second && (attrs.interp_method !== 'bicubic' || backward)
  return { ...grid, dims, tables: 16 * Math.ceil(tables / 16), attrs, twice }
}

const rounded = (value: F64): F64 => f64.promoteF32(f32.demoteF64(value))

/** The first element that is weighed, counted from the one before the position, and the weights. */
function emitWeights(f: FunctionBuilder, k: I32, { ratio }: Dim, { attrs, twice }: Resizing) {
  const cubic = attrs.interp_method === 'bicubic'
  const index = f64.convertI32S(k)
  const isMiddle = cubic ? !attrs.align_corners : isHalfPixel(attrs)
  const product = f64.mul(f64.const(ratio), isMiddle ? f64.add(index, f64.const(0.5)) : index)
  const middle = (): F64 => rounded(f64.sub(twice ? rounded(product) : product, f64.const(0.5)))
  const position = f.let(isMiddle ? middle() : rounded(product))
  const one = f64.const(1)
  if (!cubic) {
    const from = f.let(f64.max(position, f64.const(0)))
    const first = f.let(i32.truncSatF64S(from))
    const weight = f.let(rounded(f64.sub(from, f64.convertI32S(first))))
    return { first, weights: [rounded(f64.sub(one, weight)), weight] }
  }
  const floor = f.let(f64.floor(position))
  const t = f.let(f64.sub(position, floor))
  const scaled = (d: F64, factor: number): F64 => f64.mul(f64.const(factor), d)
  const near = (d: F64): F64 =>
    f64.add(f64.mul(f64.mul(f64.sub(scaled(d, CUBIC + 2), f64.const(CUBIC + 3)), d), d), one)
  const far = (d: F64): F64 => {
    const inner = f64.add(f64.mul(f64.sub(scaled(d, CUBIC), f64.const(5 * CUBIC)), d), f64.const(8 * CUBIC))
    return f64.sub(f64.mul(inner, d), f64.const(4 * CUBIC))
  }
  const weights = [far(f64.add(t, one)), near(t), near(f64.sub(one, t)), far(f64.sub(f64.const(2), t))]
  return { first: f.let(i32.sub(i32.truncSatF64S(floor), i32.const(1))), weights }
}

function emitTables(f: FunctionBuilder, tables: I32, resizing: Resizing): void {
  for (const dim of resizing.dims) {
    const { out, taps, size, step } = dim
    const k = f.local('i32')
    f.count(k, 0, out, 1, () => {
      const { first, weights } = emitWeights(f, k, dim, resizing)
      const at = f.let(i32.add(tables, i32.mul(k, i32.const(4 * taps))))
      const wide = f.let(i32.add(tables, i32.mul(k, i32.const(8 * taps))))
      weights.forEach((weight, t) => {
        f.do(f64.store(wide, weight, dim.weights + 8 * t))
        const place = f.let(i32.add(first, i32.const(t)))
        f.set(place, i32.select(i32.ltS(place, i32.const(0)), i32.const(0), place))
        f.set(place, i32.select(i32.gtS(place, i32.const(size - 1)), i32.const(size - 1), place))
        f.do(i32.store(at, i32.mul(place, i32.const(step)), dim.places + 4 * t))
      })
    })
  }
}

interface Weighed {
  /** Bytes from where a plane, or a row of X, begins. */
  readonly place: I32
  readonly weight: F64
}

/** What element `k` of a dimension is made of. */
function weighedBy(f: FunctionBuilder, tables: I32, { taps, weights, places }: Dim, k: I32): Weighed[] {
  const at = f.let(i32.add(tables, i32.mul(k, i32.const(4 * taps))))
  const wide = f.let(i32.add(tables, i32.mul(k, i32.const(8 * taps))))
  return Array.from({ length: taps }, (_, t) => ({
    place: f.let(i32.load(at, places + 4 * t)),
    weight: f.let(f64.load(wide, weights + 8 * t)),
  }))
}

/** The rows of X that row `row` of the planes of Out is made of. */
function rowsOf(f: FunctionBuilder, tables: I32, { dims }: Resizing, row: I32): Weighed[] {
  let rows: Weighed[] = [{ place: i32.const(0), weight: f64.const(1) }]
  const outer = dims.slice(0, -1)
  outer.forEach((dim, d) => {
    const below = outer.slice(d + 1).reduce((all, { out }) => all * out, 1)
    const index = f.let(i32.remS(i32.divS(row, i32.const(below)), i32.const(dim.out)))
    const taps = weighedBy(f, tables, dim, index)
    rows = rows.flatMap((a) =>
      taps.map((b) => ({
        place: f.let(i32.add(a.place, b.place)),
        weight: f.let(f64.mul(a.weight, b.weight)),
      })),
    )
  })
  return rows
}

const keyOf = ({ outer, inner, dims, attrs, twice }: Resizing): string =>
  `${outer}|${inner}|${JSON.stringify(dims)}|${attrs.interp_method}|${isHalfPixel(attrs)}|${attrs.align_corners}|${twice}`

const product = (dims: readonly Dim[], of: 'size' | 'out'): number => dims.reduce((all, dim) => all * dim[of], 1)

function forwardKernel(resizing: Resizing, X: PlannedTensor, Out: PlannedTensor): Kernel {
  const { outer, inner, dims, tables } = resizing
  const [rows, width] = [product(dims.slice(0, -1), 'out'), dims.at(-1)!]
  const plane = 4 * inner * product(dims, 'size')
  return {
    kind: 'kernel',
    key: `interpolate|${keyOf(resizing)}`,
    args: [X, Out, { bytes: tables }],
    writes: [Out],
    units: outer * rows,
    work: 16 * numel(Out.shape),
    emit: (module) =>
      kernelFunction(module, 3, (f, [x, out, table], begin, end) => {
        emitTables(f, table!, resizing)
        const [row, k] = [f.local('i32'), f.local('i32')]
        const to = f.let(i32.add(out!, i32.mul(begin, i32.const(4 * inner * width.out))))
        f.count(row, begin, end, 1, () => {
          const from = f.let(i32.add(x!, i32.mul(i32.divS(row, i32.const(rows)), i32.const(plane))))
          const pairs = rowsOf(f, table!, resizing, row).map(({ place, weight }) => ({
            from: f.let(i32.add(from, place)),
            weight,
          }))
          f.count(k, 0, width.out, 1, () => {
            const taps = weighedBy(f, table!, width, k)
            const terms = pairs.flatMap((pair) =>
              taps.map((tap) => ({
                from: f.let(i32.add(pair.from, tap.place)),
                factor: f.let(f64.mul(pair.weight, tap.weight)),
              })),
            )
            const offset = f.local('i32')
            f.count(offset, 0, 4 * inner, 4, () => {
              const sum = terms.reduce<F64>(
                (sum, { from, factor }) =>
                  f64.add(sum, f64.mul(factor, f64.promoteF32(f32.load(i32.add(from, offset))))),
                f64.const(0),
              )
              f.do(f32.store(to, f32.demoteF64(sum)))
              f.advance(to, 4)
            })
          })
        })
      }),
  }
}

/** Each plane is summed in float64 memory. */
function backwardKernel(resizing: Resizing, dOut: PlannedTensor, dX: PlannedTensor): Kernel {
  const { outer, inner, dims, tables } = resizing
  const [rows, width] = [product(dims.slice(0, -1), 'out'), dims.at(-1)!]
  const count = inner * product(dims, 'size')
  return {
    kind: 'kernel',
    key: `interpolate_grad|${keyOf(resizing)}`,
    args: [dOut, dX, { bytes: tables + 16 * Math.ceil(count / 2) }],
    writes: [dX],
    units: outer,
    work: 16 * numel(dOut.shape),
    emit: (module) =>
      kernelFunction(module, 3, (f, [dout, dx, table], begin, end) => {
        emitTables(f, table!, resizing)
        const sums = f.let(i32.add(table!, i32.const(tables)))
        const [plane, row, k, at] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')]
        const moving = (base: I32, elements: number): Local<'i32'> =>
          f.let(i32.add(base, i32.mul(begin, i32.const(4 * elements))))
        const [from, to] = [moving(dout!, inner * rows * width.out), moving(dx!, count)]
        f.count(plane, begin, end, 1, () => {
          f.count(at, 0, 8 * count, 16, () => f.do(v128.store(i32.add(sums, at), i32x4.const(0))))
          f.count(row, 0, rows, 1, () => {
            for (const pair of rowsOf(f, table!, resizing, row)) {
              const source = f.let(from)
              f.count(k, 0, width.out, 1, () => {
                for (const tap of weighedBy(f, table!, width, k)) {
                  const factor = f.let(f64.mul(pair.weight, tap.weight))
                  const target = f.let(i32.add(sums, i32.shl(i32.add(pair.place, tap.place), i32.const(1))))
                  const offset = f.local('i32')
                  f.count(offset, 0, 4 * inner, 4, () => {
                    const value = f64.mul(factor, f64.promoteF32(f32.load(i32.add(source, offset))))
                    f.do(f64.store(target, f64.add(f64.load(target), value)))
                    f.advance(target, 8)
                  })
                }
                f.advance(source, 4 * inner)
              })
            }
            f.advance(from, 4 * inner * width.out)
          })
          f.count(at, 0, 8 * count, 8, () => {
            f.do(f32.store(to, f32.demoteF64(f64.load(i32.add(sums, at)))))
            f.advance(to, 4)
          })
        })
      }),
  }
}

const forward: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (X === undefined || Out === undefined || !op.isFloat32('X', 'Out')) return undefined
  const resizing = resizingOf(op, X, Out.shape, false)
  if (resizing === undefined) return undefined
  return [resizing.copies ? copyPiece(X, Out) : forwardKernel(resizing, X, Out)]
}

const backward: Lowering = (op) => {
  const [dOut, dX] = [op.input('Out@GRAD'), op.output('X@GRAD')]
  if (dOut === undefined || dX === undefined || !op.isFloat32('Out@GRAD', 'X@GRAD')) return undefined
  const resizing = resizingOf(op, dX, dOut.shape, true)
  if (resizing === undefined) return undefined
  return [resizing.copies ? copyPiece(dOut, dX) : backwardKernel(resizing, dOut, dX)]
}

const METHODS = ['linear', 'bilinear', 'trilinear', 'bicubic'].flatMap((name) => [
  `${name}_interp`,
  `${name}_interp_v2`,
])

export const interpolation: Readonly<Record<string, Lowering>> = {
  ...Object.fromEntries(METHODS.map((type) => [type, forward])),
  ...Object.fromEntries(METHODS.map((type) => [`${type}_grad`, backward])),
}
