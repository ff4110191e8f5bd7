/**
 * Feeds: what a caller may give for a variable, turned into a tensor of the variable's element type and shape. All faults of one run are
 * collected and reported at once, before anything runs.
 * Source: python/paddle/base/executor.py, check_feed_shape_type (2.6.2).
 */
import { EnforceError, InvalidArgumentError, nearestNames } from '../errors.ts'
import type { Variable } from '../framework/variable.ts'
import { byteSize, type DType, isHalf, makeView } from '../tensor/dtype.ts'
import { compatibleShapes, formatShape, numel, product, type Shape } from '../tensor/shape.ts'
import {
  inferDType,
  type NestedArray,
  SelectedRows,
  Tensor,
  TensorArray,
  type TensorLikeData,
  tensor,
  type Value,
} from '../tensor/tensor.ts'

/** A value, nested lists, a typed array (as long as the variable's shape says) or a bare number. */
export type FeedValue = Value | TensorLikeData

/** One fault of a feed, or of a missing one. */
export interface FeedFault {
  readonly name: string
  readonly problem: string
  readonly expected?: string
  readonly got?: string
}

/** What a variable wants: `float32 [-1, 4]`. */
const wants = (variable: Variable): string => `${variable.dtype} ${formatShape(variable.shape)}`

/** The tensor to run with, or what is wrong. */
export function feedToValue(variable: Variable, given: FeedValue): Value | FeedFault {
  const { name } = variable
  if (given instanceof SelectedRows || given instanceof TensorArray) return given
  if (given === null || given === undefined || typeof given === 'string' || typeof given === 'function') {
    return { name, problem: 'is no tensor, list or number', expected: wants(variable), got: String(given) }
  }
  let value: Tensor
  if (given instanceof Tensor || ArrayBuffer.isView(given)) {
    if (isDetached(given instanceof Tensor ? given.data : given)) {
      return { name, problem: 'has lost its elements: its buffer was transferred', expected: wants(variable) }
    }
    let own: DType
    try {
      own =
        ArrayBuffer.isView(given) && given instanceof Uint16Array && isHalf(variable.dtype)
          ? variable.dtype
          : inferDType(given)
    } catch (error) {
      if (!(error instanceof EnforceError)) throw error
      return { name, problem: error.summary, expected: wants(variable), got: given.constructor.name }
    }
    const isBool = own === 'uint8' && variable.dtype === 'bool'
    if (own !== variable.dtype && !isBool) {
      return { name, problem: 'has the wrong element type', expected: wants(variable), got: own }
    }
    if (given instanceof Tensor) value = given
    else {
      const shape = shapeForCount(variable.shape, given.length)
      if (shape === undefined) {
        return {
          name,
          problem: 'has the wrong number of elements',
          expected: wants(variable),
          got: `${given.length} elements`,
        }
      }
      value = new Tensor(variable.dtype, shape, copyOf(variable.dtype, given))
    }
  } else {
    try {
      value = tensor(given as NestedArray, variable.dtype)
      // A bare number also serves a variable of one element, whatever its rank.
      if (
        value.shape.length === 0 &&
        variable.shape.length > 0 &&
        variable.shape.every((dim) => dim === 1 || dim === -1)
      ) {
        value = new Tensor(
          value.dtype,
          variable.shape.map(() => 1),
          value.data,
        )
      }
    } catch (error) {
      if (!(error instanceof EnforceError)) throw error
      return { name, problem: error.summary, expected: wants(variable) }
    }
  }
  if (!compatibleShapes(variable.shape, value.shape)) {
    return {
      name,
      problem: 'has the wrong shape',
      expected: wants(variable),
      got: `${value.dtype} ${formatShape(value.shape)}`,
    }
  }
  return value
}

export const isFault = (result: Value | FeedFault): result is FeedFault => 'problem' in result

/** The shape that `count` elements fill: the variable's own, with a single unknown dimension worked out. */
function shapeForCount(shape: Shape, count: number): Shape | undefined {
  const unknown = shape.filter((dim) => dim < 0).length
  if (unknown === 0) return numel(shape) === count ? shape : undefined
  if (unknown > 1) return shape.length === 1 ? [count] : undefined
  const known = product(shape.map((dim) => (dim < 0 ? 1 : dim)))
  if (known === 0 ? count !== 0 : count % known !== 0) return undefined
  return shape.map((dim) => (dim < 0 ? (known === 0 ? 0 : count / known) : dim))
}

/** True for an array whose memory went to another thread. (`ArrayBuffer.detached` is not in Node 20.) */
function isDetached({ buffer, byteLength }: ArrayBufferView): boolean {
  if (byteLength > 0) return false
  try {
    new Uint8Array(buffer, 0, 0)
    return false
  } catch {
    return true
  }
}

function copyOf(dtype: DType, data: ArrayBufferView): Tensor['data'] {
  const bytes = new Uint8Array(data.byteLength)
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  return makeView(dtype, bytes.buffer, 0, data.byteLength / byteSize(dtype))
}

/** One error for all faults of a run's feeds. E110. */
export function feedError(faults: readonly FeedFault[], known: readonly string[]): InvalidArgumentError {
  const width = Math.max(...faults.map((fault) => fault.name.length))
  const lines = faults.map((fault) => {
    const details = [
      fault.expected === undefined ? '' : `wanted ${fault.expected}`,
      fault.got === undefined ? '' : `got ${fault.got}`,
    ].filter((text) => text !== '')
    return `  ${fault.name.padEnd(width)}  ${fault.problem}${details.length > 0 ? `: ${details.join(', ')}` : ''}`
  })
  const near = faults.flatMap((fault) => (fault.problem.startsWith('is not') ? nearestNames(fault.name, known, 1) : []))
  const first = faults[0]!
  const summary =
    faults.length === 1
      ? `feed "${first.name}" ${first.problem}${first.expected === undefined ? '' : `: wanted ${first.expected}`}${first.got === undefined ? '' : `, got ${first.got}`}`
      : `${faults.length} feeds are wrong:\n${lines.join('\n')}`
  return new InvalidArgumentError('E110', summary, {
    where: { variable: first.name },
    expected: Object.fromEntries(faults.map((fault) => [fault.name, fault.expected ?? null])),
    got: Object.fromEntries(faults.map((fault) => [fault.name, fault.got ?? fault.problem])),
    ...(near.length > 0 ? { hint: `did you mean ${near.map((name) => `"${name}"`).join(' or ')}?` } : {}),
  })
}
