/**
 * Lowerings of nearest_interp and nearest_interp_v2 by whole factors, as decoders of images enlarge planes: every element is repeated in height
 * and width, and gets the float32 sum of their gradients. Other sizes are left to the TypeScript kernel.
 */
import type { PlannedTensor } from '../../executor/backend.ts'
import { type GridAttrs, gridOf } from '../../ops/nn/interp_grid.ts'
import type { Axis } from '../../ops/nn/interp_kernels.ts'
import { byteSize } from '../../tensor/dtype.ts'
import { numel, type Shape } from '../../tensor/shape.ts'
import { loadLanes } from './elements.ts'
import type { I32 } from './function_builder.ts'
import { i32, v128 } from './instructions.ts'
import type { Kernel } from './ir.ts'
import { kernelFunction } from './kernel_function.ts'
import { eachVector, fullStrides } from './loop.ts'
import type { Lowering } from './lowerings.ts'
import { allOf, emitRun, moveKernel } from './move.ts'
import { copyPiece } from './movement.ts'
import { type OpReader, whole } from './op_reader.ts'
import { reductionKernel } from './reduction.ts'

/** The larger tensor is [outer, height, down, width, across, inner], and the smaller one has 1 for down and across. */
interface Enlarging {
  readonly outer: number
  readonly height: number
  readonly width: number
  readonly inner: number
  readonly down: number
  readonly across: number
}

/** How often each element stands in Out one after the other; undefined unless all do so equally often. */
function factorOf({ size, out, places }: Axis): number | undefined {
  const factor = out / size
  return Number.isInteger(factor) && places.every((place, k) => place === Math.floor(k / factor)) ? factor : undefined
}

function enlargingOf(op: OpReader, small: Shape, large: Shape): Enlarging | 'copy' | undefined {
  if (op.inputs('SizeTensor').length > 0 || op.input('Scale') !== undefined || small.length !== 4) return undefined
  if (op.attr<string>('interp_method') !== 'nearest') return undefined
  // The first version has positions by the sizes alone. No elements are looked at.
  const X = { shape: small, data: new Float32Array(0) }
  const attrs = op.attrs as unknown as GridAttrs
  const { outer, inner, axes, copies } = gridOf({ X, SizeTensor: [] }, large, attrs, op.type.includes('_v2'), false)
  if (copies) return 'copy'
  const [height, width] = axes as [Axis, Axis]
  const [down, across] = [factorOf(height), factorOf(width)]
  if (down === undefined || across === undefined) return undefined
  return { outer, height: height.size, width: width.size, inner, down, across }
}

const largeShape = ({ outer, height, down, width, across, inner }: Enlarging): Shape => [
  outer,
  height,
  down,
  width,
  across,
  inner,
]
const smallShape = ({ outer, height, width, inner }: Enlarging): Shape => [outer, height, 1, width, 1, inner]

/** Rows of four-byte elements, each written twice; what comes out is copied to the other rows of the same elements. */
function doublingKernel(X: PlannedTensor, Out: PlannedTensor, { outer, height, width, down }: Enlarging): Kernel {
  const row = 8 * width
  return {
    kind: 'kernel',
    key: `doubling|${width}|${down}`,
    args: [X, Out],
    writes: [Out],
    units: outer * height,
    work: 2 * byteSize(Out.dtype) * numel(Out.shape),
    emit: (module) =>
      kernelFunction(module, 2, (f, [source, target], begin, end) => {
        const from = f.let(i32.add(source!, i32.mul(begin, i32.const(4 * width))))
        const to = f.let(i32.add(target!, i32.mul(begin, i32.const(down * row))))
        f.count(f.local('i32'), begin, end, 1, () => {
          eachVector(f, width, (at, lanes) => {
            const place: I32 = f.let(i32.add(to, i32.shl(at, i32.const(1))))
            const value = f.let(loadLanes(i32.add(from, at), lanes))
            const pairs = [v128.shuffle32(value, value, [0, 0, 1, 1]), v128.shuffle32(value, value, [2, 2, 3, 3])]
            for (const [i, pair] of pairs.entries()) {
              if (lanes >= 2 * i + 2) f.do(v128.store(place, pair, 16 * i))
              else if (lanes === 2 * i + 1) f.do(v128.store64Lane(place, f.let(pair), 0, 16 * i))
            }
          })
          for (let i = 1; i < down; i++) emitRun(f, f.let(i32.add(to, i32.const(i * row))), to, row)
          f.advance(from, 4 * width)
          f.advance(to, down * row)
        })
      }),
  }
}

const nearest: Lowering = (op) => {
  const [X, Out] = [op.input('X'), op.output('Out')]
  if (X === undefined || Out?.dtype !== X.dtype || numel(X.shape) === 0 || numel(Out.shape) === 0) return undefined
  const found = enlargingOf(op, X.shape, Out.shape)
  if (found === undefined) return undefined
  if (found === 'copy') return [copyPiece(X, Out)]
  const { inner, across } = found
  if (inner === 1 && across === 2 && byteSize(X.dtype) === 4) return [doublingKernel(X, Out, found)]
  const space = largeShape(found)
  return [moveKernel(space, allOf(Out, space), { tensor: X, strides: fullStrides(smallShape(found)) })]
}

const nearestGrad: Lowering = (op) => {
  const [dOut, dX] = [op.input('Out@GRAD'), op.output('X@GRAD')]
  if (dOut === undefined || dX === undefined || !op.isFloat32('Out@GRAD', 'X@GRAD')) return undefined
  const found = enlargingOf(op, dX.shape, dOut.shape)
  if (found === undefined) return undefined
  if (found === 'copy') return [copyPiece(dOut, dX)]
  const space = largeShape(found)
  const strides = fullStrides(smallShape(found))
  const kernel = reductionKernel({ space, value: whole(dOut, space), target: dX, strides, combine: 'add' })
  return kernel && [kernel]
}

export const nearestResizing: Readonly<Record<string, Lowering>> = {
  nearest_interp: nearest,
  nearest_interp_grad: nearestGrad,
  nearest_interp_v2: nearest,
  nearest_interp_v2_grad: nearestGrad,
}
