/**
 * Binding an operator's kernel to its tensors: which kernel, and which tensors are handed over converted. The interpreter binds before each
 * operator, the plan once. A kernel without an int64 version works on float64 copies, one without a half version on float32 copies rounded
 * once at the end; tensors that share memory although the kernel may not see that are copied first.
 */
import { OutOfRangeError, UnimplementedError } from '../errors.ts'
import type { AttrValue } from '../framework/attr_value.ts'
import type { AnyOpDef, KernelContext, KernelTensor, Slot } from '../framework/op_def.ts'
import { allocate, type DType, isHalf, type NumberArray, refuseComplex, type TensorData } from '../tensor/dtype.ts'
import { float32ToHalf, halfToFloat32 } from '../tensor/half.ts'
import type { Generator } from '../tensor/random.ts'
import { hasUnknown, numel, type Shape } from '../tensor/shape.ts'
import { requireRoom } from './room.ts'

/** A tensor that an operator reads or writes. */
export interface BoundTensor {
  readonly dtype: DType
  readonly shape: Shape
  readonly data: TensorData
}

/** Tensors by slot, parallel to the operator's names; undefined where the operator has no variable or the variable no value. */
export type BoundSlots = Readonly<Record<string, readonly (BoundTensor | undefined)[]>>

/** An output whose shape only the kernel knows, until it calls `ctx.resize`. */
export const placeholder = (dtype: DType, shape: Shape): BoundTensor => ({ dtype, shape, data: allocate(dtype, 0) })

/** Told of each output that a kernel gave its shape: a tensor with memory of its own, filled. */
export type Resized = (slot: string, tensor: BoundTensor) => void

/**
 * A function that runs the operator once on the given tensors. With `resized`, outputs may be placeholders, and it runs only once.
 * @throws UnimplementedError E403 if the definition has no kernel, E402 for complex numbers.
 */
export function bindKernel(
  def: AnyOpDef,
  attrs: Readonly<Record<string, AttrValue>>,
  inputs: BoundSlots,
  outputs: BoundSlots,
  generator: Generator,
  resized?: Resized,
): () => void {
  let hasInt64 = false
  let hasHalf = false
  for (const slots of [inputs, outputs]) {
    for (const tensors of Object.values(slots)) {
      for (const tensor of tensors) {
        if (tensor === undefined) continue
        refuseComplex(tensor.dtype, def.type)
        if (tensor.dtype === 'int64') hasInt64 = true
        else if (isHalf(tensor.dtype)) hasHalf = true
      }
    }
  }
  const rawInt64 = hasInt64 && def.kernels.int64 !== undefined
  const rawHalf = hasHalf && !rawInt64 && def.kernels.half !== undefined
  const kernel = rawInt64 ? def.kernels.int64 : rawHalf ? def.kernels.half : def.kernels.cpu
  if (kernel === undefined) {
    throw new UnimplementedError('E403', `${def.type} has no kernel for these inputs`, { where: { opType: def.type } })
  }

  const before: (() => void)[] = []
  const after: (() => void)[] = []
  const outputTensors = Object.entries(outputs).flatMap(([slot, tensors]) =>
    tensors.map((tensor, index) => ({ slot, index, tensor })).filter((entry) => entry.tensor !== undefined),
  ) as { slot: string; index: number; tensor: BoundTensor }[]

  const inputView = (slot: string, tensor: BoundTensor, index: number): KernelTensor => {
    const { dtype, shape, data } = tensor
    if (dtype === 'int64' && !rawInt64) {
      const copy = new Float64Array(data.length)
      before.push(() => int64ToFloat64(data as BigInt64Array, copy, def.type))
      return { dtype, shape, data: copy }
    }
    if (isHalf(dtype) && !rawHalf) {
      const copy = new Float32Array(data.length)
      before.push(() => halfToFloat32(dtype as 'float16' | 'bfloat16', data as Uint16Array, copy))
      return { dtype, shape, data: copy }
    }
    const clash = outputTensors.some(
      (out) => sharesMemory(out.tensor.data, data) && !(def.inplace?.[out.slot] === slot && out.index === index),
    )
    if (clash) {
      const copy = data.slice() as NumberArray
      before.push(() => copy.set(data as NumberArray))
      return { dtype, shape, data: copy }
    }
    return { dtype, shape, data: data as NumberArray }
  }
  // Only what is an input too holds a value that a kernel may leave as it is; other outputs hold anything before they are written.
  const isInput = (tensor: BoundTensor): boolean =>
    Object.values(inputs).some((tensors) =>
      tensors.some((given) => given !== undefined && sharesMemory(given.data, tensor.data)),
    )
  const outputView = (slot: string, tensor: BoundTensor): KernelTensor => {
    const { dtype, shape, data } = tensor
    if (dtype === 'int64' && !rawInt64) {
      const copy = new Float64Array(data.length)
      if (isInput(tensor)) before.push(() => int64ToFloat64(data as BigInt64Array, copy, def.type))
      after.push(() => float64ToInt64(copy, data as BigInt64Array, def.type, slot))
      return { dtype, shape, data: copy }
    }
    if (isHalf(dtype) && !rawHalf) {
      const half = dtype as 'float16' | 'bfloat16'
      const copy = new Float32Array(data.length)
      if (isInput(tensor)) before.push(() => halfToFloat32(half, data as Uint16Array, copy))
      after.push(() => float32ToHalf(half, copy, data as Uint16Array))
      return { dtype, shape, data: copy }
    }
    return { dtype, shape, data: data as NumberArray }
  }

  const inputArgs = arrange(def.inputs, inputs, inputView)
  const outputArgs = arrange(def.outputs, outputs, outputView)
  const ctx: KernelContext = {
    opType: def.type,
    generator,
    dtypeOf: (slot) => inputs[slot]?.[0]?.dtype,
    resize(slot, shape) {
      const waiting = outputs[slot]?.[0]
      if (waiting === undefined) return undefined
      requireRoom(`${def.type}: ${slot}`, { dtype: waiting.dtype, shape })
      const tensor = { dtype: waiting.dtype, shape, data: allocate(waiting.dtype, numel(shape)) }
      const view = outputView(slot, tensor)
      after.push(() => resized?.(slot, tensor))
      return view
    },
  }
  const late = outputTensors.some(({ tensor }) => hasUnknown(tensor.shape))
  if (before.length === 0 && after.length === 0 && !late) return () => kernel(inputArgs, attrs, outputArgs, ctx)
  return () => {
    for (const step of before) step()
    kernel(inputArgs, attrs, outputArgs, ctx)
    for (const step of after) step()
  }
}

function arrange(
  slots: Readonly<Record<string, Slot>>,
  bound: BoundSlots,
  view: (slot: string, tensor: BoundTensor, index: number) => KernelTensor,
): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [slot, { arity }] of Object.entries(slots)) {
    const tensors = bound[slot] ?? []
    if (arity === 'many')
      result[slot] = tensors.map((tensor, i) => (tensor === undefined ? undefined : view(slot, tensor, i)))
    else if (tensors[0] !== undefined) result[slot] = view(slot, tensors[0], 0)
  }
  return result
}

function sharesMemory(a: TensorData, b: TensorData): boolean {
  return a.buffer === b.buffer && a.byteOffset === b.byteOffset && a.length > 0 && b.length > 0
}

/** @throws OutOfRangeError E219 for a value that float64 cannot hold exactly. */
function int64ToFloat64(from: BigInt64Array, to: Float64Array, opType: string): void {
  for (let i = 0; i < from.length; i++) {
    const value = Number(from[i])
    if (!Number.isSafeInteger(value)) {
      throw new OutOfRangeError(
        'E226',
        `${opType}: element ${i} is ${from[i]}, beyond 2^53, where its kernel is not exact`,
        {
          got: from[i]!.toString(),
          where: { opType },
        },
      )
    }
    to[i] = value
  }
}

/** Rounds towards zero, as C++ converts. @throws OutOfRangeError E226 for a value beyond 2^53 or NaN. */
function float64ToInt64(from: Float64Array, to: BigInt64Array, opType: string, slot: string): void {
  for (let i = 0; i < from.length; i++) {
    const value = Math.trunc(from[i]!)
    if (!Number.isSafeInteger(value)) {
      throw new OutOfRangeError('E226', `${opType}: element ${i} of ${slot} would be ${value}, beyond 2^53`, {
        got: value,
        where: { opType, slot },
      })
    }
    to[i] = BigInt(value)
  }
}
