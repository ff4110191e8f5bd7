/** What the recorded cases leave open for the operators of src/ops/math: whole numbers, borders of conversions, sparse variables, layouts. */
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError, UnimplementedError } from '../../src/errors.ts'
import { Executor } from '../../src/executor/executor.ts'
import { Program } from '../../src/framework/program.ts'
import { ops } from '../../src/ops/index.ts'
import type { DType } from '../../src/tensor/dtype.ts'
import { SelectedRows, Tensor, TensorArray, tensor, type Value } from '../../src/tensor/tensor.ts'
import type { GoldenCase } from './golden_case.ts'
import { checkGradient } from './gradient_check.ts'

type Given = Readonly<Record<string, Value | readonly Value[]>>

/** Runs one operator and gives its output Out; `into` names an input slot whose first variable is written. */
function run(type: string, given: Given, attrs: Record<string, unknown> = {}, into?: string): Value {
  const program = new Program(ops)
  const block = program.globalBlock()
  const executor = new Executor()
  const inputs: Record<string, string[]> = {}
  for (const [slot, values] of Object.entries(given)) {
    inputs[slot] = (Array.isArray(values) ? (values as Value[]) : [values as Value]).map((value, i) => {
      const name = `${slot}${i}`
      const kind =
        value instanceof SelectedRows
          ? { dtype: value.value.dtype, shape: value.denseShape, type: 'SELECTED_ROWS' as const }
          : value instanceof TensorArray
            ? { dtype: 'float32' as const, shape: [], type: 'LOD_TENSOR_ARRAY' as const }
            : { dtype: value.dtype, shape: value.shape }
      block.createVar({ name, persistable: true, ...kind })
      executor.scope.set(name, value)
      return name
    })
  }
  const out = into === undefined ? block.createVar({ name: 'out', persistable: true }).name : `${into}0`
  block.appendOp({ type, inputs, outputs: { Out: out }, attrs })
  executor.run(program)
  return executor.scope.get(out)!
}

const list = (value: Value): unknown => (value as Tensor).toArray()
const MAX64 = 2n ** 63n - 1n

describe('whole numbers', () => {
  const x = tensor([MAX64, -(2n ** 63n), 2n ** 53n + 1n], 'int64')
  it.each([
    ['elementwise_sub', tensor([-1n, 1n, 1n], 'int64'), [-(2n ** 63n), MAX64, 9007199254740992n]],
    ['elementwise_mul', tensor([2n, 3n, 1n], 'int64'), [-2, -(2n ** 63n), 2n ** 53n + 1n]],
    ['elementwise_max', tensor([0n, 0n, 2n ** 53n], 'int64'), [MAX64, 0, 2n ** 53n + 1n]],
    ['elementwise_min', tensor([0n, 0n, 2n ** 53n], 'int64'), [0, -(2n ** 63n), 2n ** 53n]],
    ['elementwise_div', tensor([2n, -1n, 2n], 'int64'), [2n ** 62n - 1n, -(2n ** 63n), 2n ** 52n]],
    ['elementwise_pow', tensor([1n, 2n, 0n], 'int64'), [MAX64, 0, 1]],
    ['greater_than', tensor([MAX64 - 1n, 0n, 2n ** 53n], 'int64'), [true, false, true]],
    ['equal', tensor([MAX64 - 1n, -(2n ** 63n), 2n ** 53n], 'int64'), [false, true, false]],
  ] as const)('%s is exact and wraps around for int64', (type, y, wanted) => {
    const exact = (value: unknown): unknown => (typeof value === 'number' ? BigInt(value) : value)
    expect((list(run(type, { X: x, Y: y })) as unknown[]).map(exact)).toEqual(wanted.map(exact))
  })
  it.each([
    ['elementwise_mul', tensor([2147483647], 'int32'), [1]],
    ['elementwise_pow', tensor([3], 'int32'), [2147483647]],
    ['elementwise_pow', tensor([-1], 'int32'), [0]],
    ['elementwise_add', tensor([1], 'int32'), [-2147483648]],
  ] as const)('%s wraps around for int32', (type, y, wanted) => {
    expect(list(run(type, { X: tensor([2147483647], 'int32'), Y: y }))).toEqual(wanted)
  })
  it('refuses 0 to a negative power', () => {
    expect(() => run('elementwise_pow', { X: tensor([0], 'int32'), Y: tensor([-1], 'int32') })).toThrow(
      InvalidArgumentError,
    )
  })
  it('square, abs, scale, clip, sum and increment are exact', () => {
    const big = 2n ** 60n + 1n
    const one = tensor([big], 'int64')
    expect(list(run('square', { X: tensor([2n ** 32n + 1n], 'int64') }))).toEqual([2 ** 33 + 1])
    expect(list(run('square', { X: tensor([65537], 'int32') }))).toEqual([131073])
    expect(list(run('abs', { X: tensor([-big], 'int64') }))).toEqual([big])
    expect(list(run('scale', { X: one }, { scale: 3.9, bias: -1.5 }))).toEqual([3n * big - 1n])
    expect(list(run('scale', { X: one }, { scale: 3.9, bias: -1.5, bias_after_scale: false }))).toEqual([
      3n * (big - 1n),
    ])
    expect(list(run('clip', { X: one, Max: tensor([big - 2n], 'int64') }, { min: -Infinity, max: 0 }))).toEqual([
      big - 2n,
    ])
    expect(list(run('sum', { X: [one, one, one] }))).toEqual([3n * big])
    expect(list(run('increment', { X: one }, { step: -2.5 }, 'X'))).toEqual([big - 2n])
  })
  it('scale of bools and small integers stays in their type', () => {
    expect(list(run('scale', { X: tensor([true, false]) }, { scale: 0.5, bias: 0 }))).toEqual([true, false])
    expect(list(run('scale', { X: tensor([100, -3], 'int8') }, { scale: 2.7, bias: 1.2 }))).toEqual([-55, -5])
    expect(list(run('scale', { X: tensor([2147483647], 'int32') }, { scale: 3, bias: 1 }))).toEqual([2147483646])
  })
})

describe('cast', () => {
  const cast = (values: readonly (number | bigint | boolean)[], from: DType, to: DType): unknown =>
    list(run('cast', { X: tensor([...values], from) }, { in_dtype: from, out_dtype: to }))
  it('rounds int64 to float32 and bfloat16 once', () => {
    // 2^60 + 2^36 is a tie of float32; one more is not, but float64 cannot tell.
    expect(
      cast([2n ** 60n + 2n ** 36n, 2n ** 60n + 2n ** 36n + 1n, -(2n ** 60n) - 2n ** 36n - 1n], 'int64', 'float32'),
    ).toEqual([2 ** 60, 2 ** 60 + 2 ** 37, -(2 ** 60) - 2 ** 37])
    expect(cast([2n ** 30n + 2n ** 22n, 2n ** 30n + 2n ** 22n + 1n], 'int64', 'bfloat16')).toEqual([
      2 ** 30,
      2 ** 30 + 2 ** 23,
    ])
    expect(cast([2n ** 53n + 1n, 2n ** 53n + 3n, -5n], 'int64', 'float64')).toEqual([2 ** 53, 2 ** 53 + 4, -5])
    expect(cast([MAX64, -(2n ** 63n), -1n], 'int64', 'float64')).toEqual([2 ** 63, -(2 ** 63), -1])
  })
  it('rounds float64 to halves once', () => {
    // Rounded to float32 first, this would be a tie and go to the even 1.
    expect(cast([1 + 2 ** -11 + 2 ** -40], 'float64', 'float16')).toEqual([1 + 2 ** -10])
    expect(cast([1 + 2 ** -8 + 2 ** -40], 'float64', 'bfloat16')).toEqual([1 + 2 ** -7])
    expect(cast([1 + 2 ** -8 + 2 ** -9], 'float16', 'bfloat16')).toEqual([1 + 2 ** -7])
    expect(cast([true, false], 'bool', 'float16')).toEqual([1, 0])
  })
  it('cuts floats and gives the smallest integer for what does not fit', () => {
    const values = [-1.9, 2 ** 31, -(2 ** 31) - 1, NaN, Infinity, 255.9]
    expect(cast(values, 'float64', 'int32')).toEqual([-1, -2147483648, -2147483648, -2147483648, -2147483648, 255])
    expect(cast(values, 'float64', 'uint8')).toEqual([255, 0, 0, 0, 0, 255])
    const min = -(2n ** 63n)
    expect(cast([-1.9, 2 ** 62, -(2 ** 63), 2 ** 63, NaN, -(2 ** 40) - 3], 'float64', 'int64')).toEqual([
      -1,
      2n ** 62n,
      min,
      min,
      min,
      -(2 ** 40) - 3,
    ])
  })
  it('keeps the low bits of integers', () => {
    expect(cast([2n ** 40n + 257n, -1n], 'int64', 'uint8')).toEqual([1, 255])
    expect(cast([-2, 7], 'int8', 'int64')).toEqual([-2, 7])
    expect(cast([300, -129], 'int16', 'int8')).toEqual([44, 127])
    expect(cast([2n ** 32n, 0n], 'int64', 'bool')).toEqual([true, false])
    expect(cast([MAX64], 'int64', 'int64')).toEqual([MAX64])
  })
})

describe('selected rows', () => {
  const rows = (numbers: number[], values: number[][]): SelectedRows =>
    new SelectedRows(numbers, 5, tensor(values, 'float32'))
  const shown = (value: Value): unknown => {
    const { rows: numbers, height, value: values } = value as SelectedRows
    return { rows: [...numbers], height, values: values.toArray() }
  }
  it('are concatenated by sum if all rows differ, else added up and sorted', () => {
    expect(shown(run('sum', { X: [rows([4, 1], [[1], [2]]), rows([0], [[3]])] }))).toEqual({
      rows: [4, 1, 0],
      height: 5,
      values: [[1], [2], [3]],
    })
    expect(shown(run('sum', { X: [rows([4, 1], [[1], [2]]), rows([1], [[3]])] }))).toEqual({
      rows: [1, 4],
      height: 5,
      values: [[5], [1]],
    })
  })
  it('are added to dense tensors by sum, in place too', () => {
    const dense = tensor([[1], [1], [1], [1], [1]], 'float32')
    const sparse = rows([3, 0, 3], [[1], [2], [4]])
    for (const into of [undefined, 'X']) {
      expect(list(run('sum', { X: [dense, sparse] }, {}, into))).toEqual([[3], [1], [1], [6], [1]])
    }
  })
  it('are scaled, clipped and multiplied', () => {
    const sparse = rows([3, 0, 3], [[1], [2], [4]])
    expect(shown(run('scale', { X: sparse }, { scale: 2, bias: 1 }))).toMatchObject({
      rows: [3, 0, 3],
      values: [[3], [5], [9]],
    })
    expect(shown(run('clip', { X: sparse }, { min: -3, max: 3 }))).toMatchObject({ rows: [0, 3], values: [[2], [3]] })
    expect(shown(run('elementwise_mul', { X: sparse, Y: tensor([0.5]) }, {}, 'X'))).toMatchObject({
      values: [[0.5], [1], [2]],
    })
    expect(() => run('elementwise_mul', { X: sparse, Y: tensor([1, 2]) })).toThrow(InvalidArgumentError)
    expect(() => run('sign', { X: sparse })).toThrow(UnimplementedError)
  })
})

describe('sum', () => {
  it('rounds float32 after each addition', () => {
    expect(list(run('sum', { X: [tensor([16777216]), tensor([1]), tensor([1])] }))).toEqual([16777216])
    expect(list(run('sum', { X: [tensor([1]), tensor([1]), tensor([16777216])] }))).toEqual([16777218])
  })
  it('may write any of its inputs', () => {
    const [a, b, c] = [tensor([1, 2]), tensor([10, 20]), tensor([100, 200])]
    const program = new Program(ops)
    const block = program.globalBlock()
    for (const name of ['a', 'b', 'c']) block.createVar({ name, dtype: 'float32', shape: [2], persistable: true })
    for (const target of ['a', 'b', 'c']) {
      block.replaceOps([])
      block.appendOp({ type: 'sum', inputs: { X: ['a', 'b', 'c'] }, outputs: { Out: target } })
      const executor = new Executor()
      executor.scope.set('a', a)
      executor.scope.set('b', b)
      executor.scope.set('c', c)
      executor.run(program)
      expect(list(executor.scope.get(target)!)).toEqual([111, 222])
    }
  })
  it('leaves out inputs without elements', () => {
    expect(list(run('sum', { X: [Tensor.zeros('float32', [0]), tensor([1, 2]), tensor([3, 4])] }))).toEqual([4, 6])
  })
  it('adds tensor arrays position by position', () => {
    const out = run('sum', {
      X: [new TensorArray([tensor([1, 2]), tensor([3])]), new TensorArray([tensor([10, 20])])],
    }) as TensorArray
    expect(out.items.map((item) => item.toArray())).toEqual([[11, 22], [3]])
  })
})

describe('operands without elements', () => {
  const none = (shape: number[]): Tensor => Tensor.zeros('float32', shape)
  it('work as in NumPy', () => {
    expect((run('elementwise_add', { X: none([0, 3]), Y: tensor([1, 2, 3]) }) as Tensor).shape).toEqual([0, 3])
    expect((run('elementwise_mul', { X: none([2, 0]), Y: none([1, 1]) }) as Tensor).shape).toEqual([2, 0])
    expect(list(run('matmul_v2', { X: none([2, 0]), Y: none([0, 3]) }))).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ])
    expect((run('matmul_v2', { X: none([0, 2, 3]), Y: none([3, 2]) }) as Tensor).shape).toEqual([0, 2, 2])
    expect(list(run('mean', { X: none([0]) }))).toBeNaN()
    expect(list(run('squared_l2_norm', { X: none([0]) }))).toEqual([0])
  })
})

describe('halves', () => {
  it('compute in float32 and round once', () => {
    const x = tensor([1, 2048], 'float16')
    expect(list(run('elementwise_add', { X: x, Y: tensor([0.0004883, 1], 'float16') }))).toEqual([1, 2048])
    expect(list(run('matmul_v2', { X: tensor([2048, 1, 1], 'float16'), Y: tensor([1, 1, 1], 'float16') }))).toBe(2050)
  })
})

describe('gradients that Paddle refuses', () => {
  const values = (shape: number[], start: number): object => ({
    dtype: 'float64',
    shape,
    data: Array.from(
      { length: shape.reduce((n, dim) => n * dim, 1) },
      (_, i) => 0.6 + ((i * 37 + start * 11) % 83) / 47,
    ),
  })
  const golden = (op: string, x: number[], y: number[], out: number[], attrs: Record<string, unknown>): GoldenCase => ({
    name: 'own',
    op,
    attrs,
    inputs: { X: [{ name: 'x', tensor: values(x, 1) }], Y: [{ name: 'y', tensor: values(y, 4) }] },
    output_names: { Out: ['out'] },
    grad: { cotangents: { Out: [values(out, 2)] }, wrt: { X: [values(x, 0)], Y: [values(y, 0)] }, ops: [] },
  })
  const broadcasts: [string, number[], number[], number[], Record<string, unknown>][] = [
    ...['elementwise_max', 'elementwise_min', 'elementwise_pow'].flatMap(
      (op): [string, number[], number[], number[], Record<string, unknown>][] => [
        [op, [2, 3, 4, 2], [3, 4], [2, 3, 4, 2], { axis: 1 }],
        [op, [2, 3, 4], [2], [2, 3, 4], { axis: 0 }],
        [op, [2, 1], [2, 1, 3], [2, 2, 3], {}],
      ],
    ),
    ['matmul_v2', [2, 1, 3, 4], [3, 4, 2], [2, 3, 3, 2], {}],
    ['matmul_v2', [2, 1, 4, 3], [3, 2, 4], [2, 3, 3, 2], { trans_x: true, trans_y: true }],
    ['matmul_v2', [2, 4, 3], [4, 5], [2, 3, 5], { trans_x: true }],
    ['matmul_v2', [5, 4], [3, 6, 4], [3, 5, 6], { trans_y: true }],
  ]
  it.each(broadcasts)('%s %j with %j', (op, x, y, out, attrs) => {
    expect(checkGradient(golden(op, x, y, out, attrs), undefined)).toEqual([])
  })
})
