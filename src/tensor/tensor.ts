/**
 * Values at run time: dense tensors, selected rows (sparse gradients) and tensor arrays, and how they are made from JavaScript values.
 * These are plain data; what computes with them is in `ops/` and `executor/`.
 */
import { InvalidArgumentError, OutOfRangeError, PreconditionNotMetError } from '../errors.ts'
import { allocate, byteSize, type DType, isComplex, isHalf, type TensorData } from './dtype.ts'
import { formatTensor } from './format.ts'
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from './half.ts'
import { formatShape, numel, type Shape } from './shape.ts'
import { type SelectedRowsJson, type TensorArrayJson, type TensorJson, tensorToJson } from './tensor_json.ts'
import type { TapeMark, TensorEngine, TensorLike } from './tensor_like.ts'

export type NestedArray = number | bigint | boolean | string | readonly NestedArray[]

/** A dense tensor: `data` holds the elements row by row. float16 and bfloat16 hold bits in a Uint16Array, int64 a BigInt64Array. */
export class Tensor implements TensorLike<Tensor> {
  readonly dtype: DType
  readonly shape: Shape
  readonly data: TensorData
  /** Levels of offsets that cut the rows into sequences (Paddle's LoD). */
  readonly lod?: readonly (readonly number[])[]
  /** True (the default) where no gradient is wanted; parameters have false. */
  stopGradient = true
  /** The gradient that `backward` left, or null. */
  grad: Tensor | null = null
  /** What computes with this tensor in dygraph; a tensor that came out of a run has none. */
  readonly engine: TensorEngine | undefined
  /** Counts the times that the elements were changed in place. */
  version = 0
  /** Belongs to the tape of dygraph. */
  tape: TapeMark | undefined

  /** @throws InvalidArgumentError E214 if `data` does not hold as many elements as `shape` says. */
  constructor(
    dtype: DType,
    shape: Shape,
    data: TensorData,
    lod?: readonly (readonly number[])[],
    engine?: TensorEngine,
  ) {
    const count = numel(shape) * (isComplex(dtype) ? 2 : 1)
    if (count < 0 || data.length !== count) {
      throw new InvalidArgumentError(
        'E214',
        `a ${dtype} tensor of shape ${formatShape(shape)} needs ${count} values, got ${data.length}`,
        { expected: count, got: data.length },
      )
    }
    this.dtype = dtype
    this.shape = shape
    this.data = data
    if (lod !== undefined && lod.length > 0) this.lod = lod
    this.engine = engine
  }

  /** A tensor of zeros. */
  static zeros(dtype: DType, shape: Shape): Tensor {
    return new Tensor(dtype, shape, allocate(dtype, numel(shape)))
  }

  get size(): number {
    return numel(this.shape)
  }

  /** Bytes of the elements. */
  get byteLength(): number {
    return this.size * byteSize(this.dtype)
  }

  /** Element `index` (row-major) as a number; int64 as a number where exact, else a bigint; halves decoded; bool as true or false. */
  at(index: number): number | bigint | boolean {
    return readElement(this.dtype, this.data, index)
  }

  /**
   * The only element.
   * @throws InvalidArgumentError E215 if there is not exactly one.
   */
  item(): number | bigint | boolean {
    if (this.size !== 1) {
      throw new InvalidArgumentError(
        'E215',
        `item() needs a tensor of one element, this one has shape ${formatShape(this.shape)}`,
        { expected: 1, got: this.size },
      )
    }
    return this.at(0)
  }

  /** Nested lists of numbers (a bare value for a 0-D tensor). */
  toArray(): NestedArray {
    let next = 0
    const build = (level: number): NestedArray => {
      if (level === this.shape.length) return this.at(next++)
      return Array.from({ length: this.shape[level]! }, () => build(level + 1))
    }
    return build(0)
  }

  /** A tensor with its own copy of the elements and no history. */
  clone(): Tensor {
    return new Tensor(this.dtype, [...this.shape], this.data.slice() as TensorData, this.lod, this.engine)
  }

  /** Element-wise sum; a number is added to every element. */
  add(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#call('scale', { X: this }, { scale: 1, bias: other })
      : this.#call('elementwise_add', { X: this, Y: other })
  }
  sub(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#call('scale', { X: this }, { scale: 1, bias: -other })
      : this.#call('elementwise_sub', { X: this, Y: other })
  }
  mul(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#call('scale', { X: this }, { scale: other })
      : this.#call('elementwise_mul', { X: this, Y: other })
  }
  div(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#call('scale', { X: this }, { scale: 1 / other })
      : this.#call('elementwise_div', { X: this, Y: other })
  }
  /** The matrix product, with NumPy's rules for more than two dimensions. */
  matmul(other: Tensor, options: { readonly transX?: boolean; readonly transY?: boolean } = {}): Tensor {
    return this.#call(
      'matmul_v2',
      { X: this, Y: other },
      { trans_x: options.transX ?? false, trans_y: options.transY ?? false },
    )
  }
  square(): Tensor {
    return this.#call('square', { X: this })
  }
  sqrt(): Tensor {
    return this.#call('sqrt', { X: this })
  }
  exp(): Tensor {
    return this.#call('exp', { X: this })
  }
  log(): Tensor {
    return this.#call('log', { X: this })
  }
  abs(): Tensor {
    return this.#call('abs', { X: this })
  }
  tanh(): Tensor {
    return this.#call('tanh', { X: this })
  }
  sigmoid(): Tensor {
    return this.#call('sigmoid', { X: this })
  }
  relu(): Tensor {
    return this.#call('relu', { X: this })
  }
  /** The mean over `axis` (default: over all elements, giving a 0-D result). */
  mean(axis?: number | readonly number[], keepDim = false): Tensor {
    return this.#reduce('reduce_mean', axis, keepDim)
  }
  /** The sum over `axis` (default: over all elements, giving a 0-D result). */
  sum(axis?: number | readonly number[], keepDim = false): Tensor {
    return this.#reduce('reduce_sum', axis, keepDim)
  }

  /**
   * Computes the gradients of this tensor, which must have one element unless `gradient` is given, and adds them to `grad` of every tensor
   * that it depends on and that wants one. The history is used up unless `retainGraph` is set.
   * @throws InvalidArgumentError E301 for more than one element; PreconditionNotMetError E046 for a history that is used up, E045 for a
   * value that was changed in place since.
   */
  backward(gradient?: Tensor, options: { readonly retainGraph?: boolean } = {}): void {
    this.#engine('backward').backward(this, gradient, options.retainGraph ?? false)
  }

  /** Forgets the gradient. */
  clearGrad(): void {
    this.grad = null
  }

  #reduce(type: string, axis: number | readonly number[] | undefined, keepDim: boolean): Tensor {
    const dim = axis === undefined ? [] : typeof axis === 'number' ? [axis] : axis
    const all = dim.length === 0 || dim.length === this.shape.length
    return this.#call(type, { X: this }, { dim, keep_dim: keepDim, reduce_all: all })
  }

  #call(type: string, inputs: Readonly<Record<string, Tensor>>, attrs: Readonly<Record<string, unknown>> = {}): Tensor {
    return this.#engine(type).call(type, inputs, attrs)
  }

  #engine(what: string): TensorEngine {
    if (this.engine !== undefined) return this.engine
    throw new PreconditionNotMetError('E044', `${what}: this tensor is plain data that came out of a run or a file`, {
      hint: 'tensor(value) makes one that can be computed with',
    })
  }

  toJSON(): TensorJson {
    return tensorToJson(this)
  }

  toString(): string {
    return formatTensor(this)
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return formatTensor(this)
  }
}

/** A sparse tensor of `height` rows of which only `rows` are stored, in that order, possibly repeated: the gradient of an embedding. */
export class SelectedRows {
  readonly rows: readonly number[]
  readonly height: number
  /** Shape [rows.length, …]. */
  readonly value: Tensor

  /** @throws InvalidArgumentError E214 if `value` does not have one row per entry of `rows`, OutOfRangeError E216 for a row outside [0, height). */
  constructor(rows: readonly number[], height: number, value: Tensor) {
    if (value.shape[0] !== rows.length) {
      throw new InvalidArgumentError(
        'E214',
        `selected rows: ${rows.length} row numbers but a value of shape ${formatShape(value.shape)}`,
        { expected: rows.length, got: value.shape[0] },
      )
    }
    for (const row of rows) {
      if (!Number.isInteger(row) || row < 0 || row >= height) {
        throw new OutOfRangeError('E216', `selected rows: row ${row} is outside [0, ${height})`, {
          expected: [0, height - 1],
          got: row,
        })
      }
    }
    this.rows = rows
    this.height = height
    this.value = value
  }

  /** The shape of the dense tensor that this stands for. */
  get denseShape(): Shape {
    return [this.height, ...this.value.shape.slice(1)]
  }

  toJSON(): SelectedRowsJson {
    return { selected_rows: { rows: [...this.rows], height: this.height, value: this.value.toJSON() } }
  }
}

/** A list of tensors that grows (LOD_TENSOR_ARRAY). */
export class TensorArray {
  readonly items: readonly Tensor[]

  constructor(items: readonly Tensor[] = []) {
    this.items = items
  }

  toJSON(): TensorArrayJson {
    return { tensor_array: this.items.map((item) => item.toJSON()) }
  }
}

/** What a variable can hold between and after runs. */
export type Value = Tensor | SelectedRows | TensorArray

/** One element as a JavaScript value. */
export function readElement(dtype: DType, data: TensorData, index: number): number | bigint | boolean {
  if (data instanceof BigInt64Array) {
    const value = data[index]!
    return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value
  }
  const raw = data[index]!
  if (dtype === 'float16') return float16ToNumber(raw)
  if (dtype === 'bfloat16') return bfloat16ToNumber(raw)
  return dtype === 'bool' ? raw !== 0 : raw
}

const INTEGER_RANGE: Partial<Record<DType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  int32: [-2147483648, 2147483647],
}

/**
 * Writes one JavaScript value as an element; integers must be whole and in range.
 * @throws InvalidArgumentError E217 for a value that the element type cannot hold.
 */
export function writeElement(dtype: DType, data: TensorData, index: number, value: unknown): void {
  if (data instanceof BigInt64Array) {
    if (typeof value === 'bigint') {
      if (BigInt.asIntN(64, value) !== value) throw cannotHold(dtype, value)
      data[index] = value
    } else if (typeof value === 'number' && Number.isInteger(value)) {
      // Beyond 2^53 a number may stand for several integers.
      if (Math.abs(value) > 2 ** 53) throw cannotHold(dtype, value)
      data[index] = BigInt(value)
    } else if (typeof value === 'boolean') data[index] = value ? 1n : 0n
    else throw cannotHold(dtype, value)
    return
  }
  if (dtype === 'bool') {
    if (typeof value === 'boolean') data[index] = value ? 1 : 0
    else if (value === 0 || value === 1) data[index] = value
    else throw cannotHold(dtype, value)
    return
  }
  const number = typeof value === 'boolean' ? Number(value) : value
  if (typeof number !== 'number') throw cannotHold(dtype, value)
  const range = INTEGER_RANGE[dtype]
  if (range !== undefined && !(Number.isInteger(number) && number >= range[0] && number <= range[1])) {
    throw cannotHold(dtype, value)
  }
  data[index] = dtype === 'float16' ? numberToFloat16(number) : dtype === 'bfloat16' ? numberToBfloat16(number) : number
}

function cannotHold(dtype: DType, value: unknown): InvalidArgumentError {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return new InvalidArgumentError('E217', `${dtype} cannot hold ${text}`, { expected: dtype, got: text })
}

/** What `tensor()` accepts, and a feed. */
export type TensorLikeData = Tensor | TensorData | NestedArray

/** The element type that a value has without being told: float32 for numbers, int64 for bigints, bool for booleans, a typed array's own. */
export function inferDType(data: TensorLikeData): DType {
  if (data instanceof Tensor) return data.dtype
  if (data instanceof Float32Array) return 'float32'
  if (data instanceof Float64Array) return 'float64'
  if (data instanceof Int32Array) return 'int32'
  if (data instanceof BigInt64Array) return 'int64'
  if (data instanceof Int16Array) return 'int16'
  if (data instanceof Int8Array) return 'int8'
  if (data instanceof Uint8Array) return 'uint8'
  if (ArrayBuffer.isView(data)) {
    throw new InvalidArgumentError('E218', `a ${data.constructor.name} does not tell its element type`, {
      hint: 'name it: tensor(bits, "float16", shape)',
    })
  }
  let first: unknown = data
  while (Array.isArray(first)) first = first[0]
  return typeof first === 'bigint' ? 'int64' : typeof first === 'boolean' ? 'bool' : 'float32'
}

/**
 * A tensor from nested lists, a typed array or a single value. Typed arrays are copied. Without `shape` the nesting gives it
 * (a typed array is one-dimensional, a bare value 0-D).
 * @throws InvalidArgumentError E214 (wrong number of values, ragged lists), E217 (a value the element type cannot hold), E218.
 */
export function tensor(data: TensorLikeData, dtype: DType = inferDType(data), shape?: Shape): Tensor {
  if (data instanceof Tensor) {
    if (data.dtype === dtype && shape === undefined) return data.clone()
    return tensor(
      data.dtype === dtype ? data.data : Array.from({ length: data.size }, (_, i) => data.at(i)),
      dtype,
      shape ?? data.shape,
    )
  }
  const target = shape ?? (ArrayBuffer.isView(data) ? [data.length] : nestedShape(data))
  const count = numel(target)
  if (count < 0) {
    throw new InvalidArgumentError('E214', `a tensor cannot have the shape ${formatShape(target)}`, { got: target })
  }
  const out = allocate(dtype, count)
  if (ArrayBuffer.isView(data)) {
    const sameStorage = data.constructor === out.constructor && (!isHalf(dtype) || data instanceof Uint16Array)
    if (data.length !== count && !isComplex(dtype)) {
      throw new InvalidArgumentError(
        'E214',
        `a ${dtype} tensor of shape ${formatShape(target)} needs ${count} values, got ${data.length}`,
        { expected: count, got: data.length },
      )
    }
    if (sameStorage) (out as Float32Array).set(data as Float32Array)
    else for (let i = 0; i < count; i++) writeElement(dtype, out, i, data[i])
    return new Tensor(dtype, [...target], out)
  }
  let next = 0
  const fill = (part: NestedArray): void => {
    if (Array.isArray(part)) {
      for (const inner of part) fill(inner)
      return
    }
    if (next < count) writeElement(dtype, out, next, part)
    next++
  }
  fill(data)
  if (next !== count) {
    throw new InvalidArgumentError(
      'E214',
      `a ${dtype} tensor of shape ${formatShape(target)} needs ${count} values, got ${next}`,
      { expected: count, got: next },
    )
  }
  return new Tensor(dtype, [...target], out)
}

/** The shape of nested lists. @throws InvalidArgumentError E214 for ragged lists. */
function nestedShape(data: NestedArray): number[] {
  const shape: number[] = []
  for (let part: NestedArray | undefined = data; Array.isArray(part); part = part[0]) shape.push(part.length)
  const check = (part: NestedArray, level: number): void => {
    const isList = Array.isArray(part)
    if (isList !== level < shape.length || (isList && part.length !== shape[level])) {
      throw new InvalidArgumentError('E214', 'the nested lists of a tensor differ in length', {
        expected: shape.slice(level),
        got: isList ? part.length : part,
      })
    }
    if (isList) for (const inner of part) check(inner, level + 1)
  }
  check(data, 0)
  return shape
}
