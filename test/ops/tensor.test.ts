/**
 * What the recorded cases leave open for the operators of src/ops/tensor, reduce, nn, loss and random: exact copies, sizes of 0, dimensions
 * that only the run knows, NaN, reading and writing lists.
 */
import { describe, expect, it } from 'vitest'
import {
  type EnforceError,
  InvalidArgumentError,
  OutOfRangeError,
  PreconditionNotMetError,
  UnimplementedError,
} from '../../src/errors.ts'
import { Executor } from '../../src/executor/executor.ts'
import { gradients } from '../../src/framework/autodiff/backward.ts'
import { Program } from '../../src/framework/program.ts'
import { ops } from '../../src/ops/index.ts'
import { defaultGenerator, seed, uniformFloat32 } from '../../src/tensor/random.ts'
import { SelectedRows, Tensor, TensorArray, tensor, type Value } from '../../src/tensor/tensor.ts'
import type { GoldenCase } from './golden_case.ts'
import { checkGradient } from './gradient_check.ts'

type Given = Readonly<Record<string, Value | readonly Value[]>>

/** Runs one operator and gives its outputs: each slot is one variable of the slot's name. */
function run(type: string, given: Given, attrs: Record<string, unknown> = {}, slots = ['Out']): Tensor[] {
  const program = new Program(ops)
  const block = program.globalBlock()
  const executor = new Executor()
  const inputs: Record<string, string[]> = {}
  for (const [slot, values] of Object.entries(given)) {
    inputs[slot] = (Array.isArray(values) ? (values as Value[]) : [values as Value]).map((value, i) => {
      const name = `${slot}${i}`
      const meta =
        value instanceof SelectedRows
          ? { dtype: value.value.dtype, shape: value.denseShape, type: 'SELECTED_ROWS' as const }
          : value instanceof TensorArray
            ? { dtype: 'float32' as const, shape: [], type: 'LOD_TENSOR_ARRAY' as const }
            : { dtype: value.dtype, shape: value.shape }
      block.createVar({ name, persistable: true, ...meta })
      executor.scope.set(name, value)
      return name
    })
  }
  const outputs = Object.fromEntries(slots.map((slot) => [slot, block.createVar({ name: `out${slot}` })]))
  block.appendOp({ type, ...(Object.keys(inputs).length > 0 ? { inputs } : {}), outputs, attrs })
  return executor.run(program, { fetch: Object.values(outputs) }) as Tensor[]
}

const list = (type: string, given: Given, attrs: Record<string, unknown> = {}, slots?: string[]): unknown[] =>
  run(type, given, attrs, slots).map((value) => value.toArray())

/** The shape that inference gives while a program is built. */
function builtShape(
  type: string,
  shapes: Record<string, readonly number[]>,
  attrs: Record<string, unknown>,
): readonly number[] {
  const block = new Program(ops).globalBlock()
  const inputs = Object.fromEntries(
    Object.entries(shapes).map(([slot, shape]) => [slot, block.createVar({ name: slot, dtype: 'float32', shape })]),
  )
  block.appendOp({ type, inputs, outputs: { Out: 'out', XShape: 'xshape' }, attrs })
  return block.vars.get('out')!.shape
}

const MAX64 = 2n ** 63n - 1n
const BIG = 2n ** 53n + 1n
/** Bits of half tensors that a conversion to float32 and back might change: a signalling NaN, a subnormal, -0. */
const HALF_BITS = new Uint16Array([0x7d01, 0x0001, 0x8000, 0x3c00])

describe('copies move bits', () => {
  const whole = tensor([MAX64, -(2n ** 63n), BIG, 0n], 'int64', [2, 2])
  const half = new Tensor('float16', [2, 2], HALF_BITS)
  it.each([
    ['assign', {}, [0, 1, 2, 3]],
    ['memcpy', { dst_place_type: 0 }, [0, 1, 2, 3]],
    ['reshape2', { shape: [4] }, [0, 1, 2, 3]],
    ['flatten_contiguous_range', { start_axis: 0, stop_axis: -1 }, [0, 1, 2, 3]],
    ['transpose2', { axis: [1, 0] }, [0, 2, 1, 3]],
  ])('%s', (type, attrs, order) => {
    const slots = type in { reshape2: 0, transpose2: 0, flatten_contiguous_range: 0 } ? ['Out', 'XShape'] : ['Out']
    expect([...(run(type, { X: whole }, attrs, slots)[0]!.data as BigInt64Array)]).toEqual(
      order.map((i) => (whole.data as BigInt64Array)[i]),
    )
    expect([...(run(type, { X: half }, attrs, slots)[0]!.data as Uint16Array)]).toEqual(order.map((i) => HALF_BITS[i]))
  })
  it('concat', () => {
    expect([...(run('concat', { X: [half, half] }, { axis: 1 })[0]!.data as Uint16Array)]).toEqual(
      [0, 1, 0, 1, 2, 3, 2, 3].map((i) => HALF_BITS[i]),
    )
  })
  it('assign copies selected rows and refuses tensor arrays', () => {
    const rows = new SelectedRows([2, 0], 3, tensor([[1], [2]]))
    expect((run('assign', { X: rows })[0] as unknown as SelectedRows).rows).toEqual([2, 0])
    expect(() => run('assign', { X: new TensorArray() })).toThrow(UnimplementedError)
  })
})

describe('reshape2', () => {
  it.each([
    [
      [-1, 3, 4],
      [0, 12],
      [-1, 12],
    ],
    [
      [-1, 3, 4],
      [-1, 12],
      [-1, 12],
    ],
    [
      [2, 3, 4],
      [0, -1, 2],
      [2, 6, 2],
    ],
    [
      [0, 3, 4],
      [0, -1],
      [0, 12],
    ],
    [
      [0, 3],
      [-1, 3],
      [0, 3],
    ],
  ])('%j to %j gives %j', (x, shape, wanted) => {
    expect(builtShape('reshape2', { X: x }, { shape })).toEqual(wanted)
  })
  it('takes a shape that only the run knows', () => {
    const program = new Program(ops)
    const block = program.globalBlock()
    block.createVar({ name: 'x', dtype: 'float32', shape: [-1, 2] })
    block.createVar({ name: 'shape', dtype: 'int64', shape: [2] })
    block.appendOp({
      type: 'reshape2',
      inputs: { X: 'x', Shape: 'shape' },
      outputs: { Out: 'out', XShape: 's' },
      attrs: {},
    })
    expect(block.vars.get('out')!.shape).toEqual([-1, -1])
    const executor = new Executor()
    const reshaped = (shape: bigint[]): unknown =>
      (
        executor.run(program, {
          feed: {
            x: tensor([
              [1, 2],
              [3, 4],
            ]),
            shape,
          },
          fetch: ['out'],
        })[0] as Tensor
      ).shape
    expect(reshaped([4n, -1n])).toEqual([4, 1])
    expect(reshaped([0n, -1n])).toEqual([2, 2])
    expect(() => reshaped([3n, -1n])).toThrow(InvalidArgumentError)
  })
  it('knows a shape that fill_constant or assign_value made, unless that had inputs of its own', () => {
    const block = new Program(ops).globalBlock()
    block.createVar({ name: 'x', dtype: 'float32', shape: [6] })
    block.createVar({ name: 'value', dtype: 'int64', shape: [1] })
    block.appendOp({
      type: 'assign_value',
      outputs: { Out: 'a' },
      attrs: { shape: [2], dtype: 'int32', int32_values: [3, -1] },
    })
    block.appendOp({ type: 'fill_constant', outputs: { Out: 'f' }, attrs: { shape: [1], dtype: 'int64', value: 6 } })
    block.appendOp({
      type: 'fill_constant',
      inputs: { ValueTensor: 'value' },
      outputs: { Out: 'v' },
      attrs: { shape: [1], dtype: 'int64', value: 6 },
    })
    const shapes = ['a', 'f', 'v'].map((name) => {
      block.appendOp({
        type: 'reshape2',
        inputs: { X: 'x', Shape: name },
        outputs: { Out: `o${name}`, XShape: `s${name}` },
      })
      return block.vars.get(`o${name}`)!.shape
    })
    expect(shapes).toEqual([[3, 2], [6], [-1]])
  })
})

describe('shapes with unknown dimensions', () => {
  it.each([
    ['flatten_contiguous_range', { X: [-1, 3, 4] }, { start_axis: 0, stop_axis: 1 }, [-1, 4]],
    ['flatten_contiguous_range', { X: [-1, 3, 4] }, { start_axis: 1, stop_axis: 2 }, [-1, 12]],
    ['transpose2', { X: [-1, 3, 4] }, { axis: [2, 0, 1] }, [4, -1, 3]],
  ])('%s of %j with %j is %j', (type, shapes, attrs, wanted) => {
    expect(builtShape(type, shapes, attrs)).toEqual(wanted)
  })
  it('concat adds what it knows', () => {
    const block = new Program(ops).globalBlock()
    for (const [name, shape] of [
      ['a', [-1, 3]],
      ['b', [2, -1]],
      ['c', [-1, 3]],
    ] as const) {
      block.createVar({ name, dtype: 'float32', shape })
    }
    const shapeOf = (inputs: string[], axis: number): readonly number[] => {
      block.appendOp({ type: 'concat', inputs: { X: inputs }, outputs: { Out: `${inputs}${axis}` }, attrs: { axis } })
      return block.vars.get(`${inputs}${axis}`)!.shape
    }
    expect(shapeOf(['a', 'b'], 0)).toEqual([-1, 3])
    expect(shapeOf(['a', 'b'], 1)).toEqual([2, -1])
    expect(shapeOf(['a', 'c'], 1)).toEqual([-1, 6])
  })
})

describe('transpose2', () => {
  it('agrees with index arithmetic for every order of four dimensions', () => {
    const dims = [2, 3, 1, 4]
    const x = tensor(
      Float32Array.from({ length: 24 }, (_, i) => i),
      'float32',
      dims,
    )
    const strides = [12, 4, 4, 1]
    for (const a of [0, 1, 2, 3]) {
      for (const b of [0, 1, 2, 3]) {
        for (const c of [0, 1, 2, 3]) {
          const order = [a, b, c, 6 - a - b - c]
          if (new Set([...order, 0, 1, 2, 3]).size !== 4 || new Set(order).size !== 4) continue
          const wanted: number[] = []
          const walk = (d: number, at: number): void => {
            if (d === 4) wanted.push(at)
            else for (let i = 0; i < dims[order[d]!]!; i++) walk(d + 1, at + i * strides[order[d]!]!)
          }
          walk(0, 0)
          expect([...(run('transpose2', { X: x }, { axis: order })[0]!.data as Float32Array)]).toEqual(wanted)
        }
      }
    }
  })
})

describe('concat', () => {
  it('gives gradients only to the inputs that want one', () => {
    const program = new Program(ops)
    const block = program.globalBlock()
    const variables = ['a', 'b', 'c'].map((name) =>
      block.createVar({ name, dtype: 'float32', shape: [2, 1], persistable: true, stopGradient: name === 'b' }),
    )
    block.appendOp({ type: 'concat', inputs: { X: variables }, outputs: { Out: 'out' }, attrs: { axis: 1 } })
    block.appendOp({ type: 'square', inputs: { X: 'out' }, outputs: { Out: 'sq' } })
    block.appendOp({ type: 'reduce_sum', inputs: { X: 'sq' }, outputs: { Out: 'loss' }, attrs: { reduce_all: true } })
    gradients([block.vars.get('loss')!], [variables[0]!, variables[2]!])
    const op = block.ops.find(({ type }) => type === 'concat_grad')!
    expect(op.outputs['X@GRAD']).toEqual(['a@GRAD', '@EMPTY@', 'c@GRAD'])
    const executor = new Executor()
    variables.forEach(({ name }, i) => {
      executor.scope.set(name, tensor([[i + 1], [i + 4]]))
    })
    const got = executor.run(program, { fetch: ['a@GRAD', 'c@GRAD'] }) as Tensor[]
    expect(got.map((value) => value.toArray())).toEqual([
      [[2], [8]],
      [[6], [12]],
    ])
  })
  it('refuses no input and mixed element types', () => {
    expect(() => run('concat', { X: [] })).toThrow(InvalidArgumentError)
    expect(() => run('concat', { X: [tensor([1]), tensor([1], 'float64')] })).toThrow(InvalidArgumentError)
  })
})

describe('fill_constant and its like', () => {
  it('takes values as text, by tensor and for every element type', () => {
    // Paddle reads the text as float64, also for int64.
    expect(list('fill_constant', {}, { shape: [1], dtype: 'int64', str_value: '9007199254740993' })).toEqual([
      [9007199254740992n],
    ])
    expect(list('fill_constant', {}, { shape: [1], dtype: 'int64', str_value: '-2.75e1' })).toEqual([[-27]])
    expect(list('fill_constant', {}, { shape: [2], dtype: 'uint8', value: 255 })).toEqual([[255, 255]])
    expect(list('fill_constant', {}, { shape: [1], dtype: 'bfloat16', value: 1.5 })).toEqual([[1.5]])
    expect(list('fill_constant', { ValueTensor: tensor([BIG]) }, { shape: [1], dtype: 'int64' })).toEqual([[BIG]])
    expect(list('fill_constant', { ValueTensor: tensor([2.5]) }, { shape: [1], dtype: 'int32' })).toEqual([[2]])
    expect(
      list('fill_constant', { ShapeTensorList: [tensor([1n]), tensor([2], 'int32')] }, { shape: [-1, -1], value: 4 }),
    ).toEqual([[[4, 4]]])
  })
  it.each([
    { dtype: 'int64', str_value: 'inf' },
    { dtype: 'int32', value: 3e9 },
    { dtype: 'uint8', value: -1 },
    { dtype: 'float32', str_value: 'seven' },
    { dtype: -1 },
  ])('refuses %j', (attrs) => {
    expect(() => run('fill_constant', {}, { shape: [1], ...attrs })).toThrow(InvalidArgumentError)
  })
  it('assign_value counts its values', () => {
    expect(list('assign_value', {}, { shape: [1, 2], dtype: 'float64', fp64_values: [0.1, 0.2] })).toEqual([
      [[0.1, 0.2]],
    ])
    expect(() => run('assign_value', {}, { shape: [3], dtype: 'float32', fp32_values: [1] })).toThrow(
      InvalidArgumentError,
    )
    expect(() => run('assign_value', {}, { shape: [0], dtype: 'int8' })).toThrow(UnimplementedError)
  })
  it('fill_any_like refuses infinity for integers', () => {
    expect(() => run('fill_any_like', { X: tensor([1n]) }, { value: Infinity })).toThrow(InvalidArgumentError)
    expect(list('fill_any_like', { X: tensor([1n]) }, { value: Infinity, dtype: 'float32' })).toEqual([[Infinity]])
  })
})

describe('top_k', () => {
  it('puts NaN first among the largest and last among the smallest, and equal elements in their order', () => {
    const x = tensor([1, Number.NaN, 3, 3, Number.NaN, -1])
    const outs = ['Out', 'Indices']
    expect(list('top_k_v2', { X: x }, { k: 4 }, outs)).toEqual([
      [Number.NaN, Number.NaN, 3, 3],
      [1, 4, 2, 3],
    ])
    expect(list('top_k_v2', { X: x }, { k: 5, largest: false }, outs)).toEqual([
      [-1, 1, 3, 3, Number.NaN],
      [5, 0, 2, 3, 1],
    ])
    expect(list('top_k', { X: x }, { k: 1 }, outs)).toEqual([[Number.NaN], [1]])
  })
  it('gives the same with and without sorting the whole slice', () => {
    let state = 5
    const x = tensor(
      Float32Array.from({ length: 2 * 40 * 3 }, () => (state = (state * 48271) % 2147483647) % 17),
      'float32',
      [2, 40, 3],
    )
    for (const largest of [true, false]) {
      const few = run('top_k_v2', { X: x }, { k: 16, axis: 1, largest }, ['Out', 'Indices'])
      const many = run('top_k_v2', { X: x }, { k: 17, axis: 1, largest }, ['Out', 'Indices'])
      few.forEach((value, i) => {
        expect(value.toArray()).toEqual((many[i]!.toArray() as unknown[][]).map((rows) => rows.slice(0, 16)))
      })
    }
  })
  it('is exact for int64', () => {
    expect(list('top_k_v2', { X: tensor([2n ** 53n, BIG, -5n]) }, { k: 2 }, ['Out', 'Indices'])).toEqual([
      [BIG, 2n ** 53n],
      [1, 0],
    ])
  })
})

describe('reductions', () => {
  it('agree with loops over every choice of three dimensions', () => {
    const dims = [2, 3, 4]
    const data = Float64Array.from({ length: 24 }, (_, i) => Math.sin(i * 7))
    const x = tensor(data, 'float64', dims)
    for (let choice = 1; choice < 8; choice++) {
      const dim = [0, 1, 2].filter((d) => choice & (1 << d))
      const groups = new Map<string, number[]>()
      for (let i = 0; i < 24; i++) {
        const at = [Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4]
        const key = at.filter((_, d) => !dim.includes(d)).join()
        groups.set(key, [...(groups.get(key) ?? []), data[i]!])
      }
      const rows = [...groups.values()]
      const flat = (type: string): unknown[] => [...(run(type, { X: x }, { dim })[0]!.data as Float64Array)]
      const sum = (row: readonly number[]): number => row.reduce((a, b) => a + b, 0)
      expect(flat('reduce_sum')).toEqual(rows.map(sum))
      expect(flat('reduce_mean')).toEqual(rows.map((row) => sum(row) / row.length))
      expect(flat('reduce_max')).toEqual(rows.map((row) => Math.max(...row)))
      expect(flat('reduce_min')).toEqual(rows.map((row) => Math.min(...row)))
    }
  })
  it('of nothing are as in NumPy', () => {
    const empty = tensor([], 'float32', [0, 3])
    expect(list('reduce_sum', { X: empty })).toEqual([[0, 0, 0]])
    expect(list('reduce_mean', { X: empty })).toEqual([[Number.NaN, Number.NaN, Number.NaN]])
    expect(list('reduce_max', { X: empty }, { dim: [1] })).toEqual([[]])
    expect(() => run('reduce_max', { X: empty })).toThrow(InvalidArgumentError)
    expect(() => run('reduce_min', { X: empty }, { reduce_all: true })).toThrow(InvalidArgumentError)
    expect(() => run('arg_max', { X: empty }, { axis: 0 })).toThrow(InvalidArgumentError)
    expect(list('arg_min', { X: empty }, { axis: 1 })).toEqual([[]])
  })
  it('are exact for int64 and wrap around', () => {
    const x = tensor([MAX64, 1n, BIG, -1n], 'int64', [2, 2])
    expect(list('reduce_sum', { X: x }, { dim: [1] })).toEqual([[-(2n ** 63n), 2n ** 53n]])
    expect(list('reduce_max', { X: x }, { dim: [0] })).toEqual([[MAX64, 1]])
    expect(list('reduce_min', { X: x }, { dim: [1] })).toEqual([[1, -1]])
    expect(list('reduce_mean', { X: tensor([-3n, 0n]) })).toEqual([-1])
    expect(list('reduce_mean', { X: tensor([-3, 0], 'int32') })).toEqual([-1])
    expect(list('arg_max', { X: x }, { axis: 0, flatten: true })).toEqual([0])
    expect(list('arg_max', { X: tensor([2n ** 53n, BIG]) }, { axis: 0 })).toEqual([1])
  })
  it('reduce_sum converts to out_dtype first', () => {
    expect(list('reduce_sum', { X: tensor([0.75, 0.75, -2.5]) }, { out_dtype: 'int32' })).toEqual([-2])
    expect(list('reduce_sum', { X: tensor([0.75, 0.75, -2.5]) }, { out_dtype: 'int64' })).toEqual([-2])
    expect(list('reduce_sum', { X: tensor([true, true]) }, { out_dtype: 'float32' })).toEqual([2])
    expect(list('reduce_sum', { X: tensor([2n, 3n]) }, { out_dtype: 'float64' })).toEqual([5])
    expect(list('reduce_sum', { X: tensor([true, true]) }, { out_dtype: 'bool' })).toEqual([true])
    expect(list('reduce_sum', { X: tensor([100, 100], 'int8') })).toEqual([-56])
    // Only sums take notice of it.
    expect(run('reduce_max', { X: tensor([1]) }, { out_dtype: 'float64' })[0]!.dtype).toBe('float32')
  })
  it('let NaN win', () => {
    const x = tensor([
      [1, Number.NaN, 3],
      [Number.NaN, 2, -1],
    ])
    expect(list('reduce_max', { X: x }, { dim: [1] })).toEqual([[Number.NaN, Number.NaN]])
    expect(list('reduce_min', { X: x }, { dim: [0] })).toEqual([[Number.NaN, Number.NaN, -1]])
    expect(list('arg_max', { X: x }, { axis: 1 })).toEqual([[1, 0]])
    expect(list('arg_min', { X: x }, { axis: 0 })).toEqual([[1, 0, 1]])
  })
  it('reduce_mean of a 0-D tensor has a gradient also for dim 0, which Paddle refuses', () => {
    const golden: GoldenCase = {
      name: 'zero_d_dim0',
      op: 'reduce_mean',
      inputs: { X: [{ name: 'x', tensor: { dtype: 'float64', shape: [], data: [0.5] } }] },
      attrs: { dim: [0] },
      outputs: {},
      output_names: { Out: ['out'] },
      grad: { cotangents: { Out: [{ dtype: 'float64', shape: [], data: [1] }] }, wrt: { X: [{}] }, ops: [] },
    }
    expect(checkGradient(golden, undefined)).toEqual([])
  })
})

describe('softmax and losses', () => {
  it('round half results once', () => {
    const x = new Tensor('bfloat16', [2], new Uint16Array([0x3f80, 0x4000]))
    const [out] = run('softmax', { X: x })
    expect(out!.dtype).toBe('bfloat16')
    expect(out!.toArray()).toEqual([0.26953125, 0.73046875])
  })
  it('name the row of a label that is no class', () => {
    const given = {
      Logits: tensor([
        [1, 2],
        [3, 4],
      ]),
      Label: tensor([[0n], [2n]]),
    }
    expect(() => run('softmax_with_cross_entropy', given, {}, ['Loss', 'Softmax'])).toThrow(/label 2 of row 1/)
    expect(() => run('softmax_with_cross_entropy', given, {}, ['Loss', 'Softmax'])).toThrow(OutOfRangeError)
    const category = (type: string, slots: string[]): string => {
      try {
        run(type, { X: given.Logits, Label: given.Label }, {}, slots)
      } catch (error) {
        return (error as EnforceError).category
      }
      return 'none'
    }
    expect(category('cross_entropy', ['Y'])).toBe('OutOfRange')
    expect(category('cross_entropy2', ['Y', 'XShape', 'MatchX'])).toBe('EnforceNotMet')
  })
  it('refuse labels of the wrong type', () => {
    const Logits = tensor([[1, 2]])
    const slots = ['Loss', 'Softmax']
    expect(() => run('softmax_with_cross_entropy', { Logits, Label: tensor([[1]]) }, {}, slots)).toThrow(/integer type/)
    expect(() =>
      run('softmax_with_cross_entropy', { Logits, Label: tensor([[1, 0]], 'float64') }, { soft_label: true }, slots),
    ).toThrow(/float32/)
  })
  it('take hard labels without the class dimension in cross_entropy', () => {
    const [y] = run('cross_entropy', { X: tensor([[0.5, 0.25]]), Label: tensor([1n]) }, {}, ['Y'])
    expect(y!.shape).toEqual([1])
    expect(y!.at(0)).toBeCloseTo(Math.log(4), 6)
  })
  it('accuracy of no rows is 0', () => {
    const given = {
      Out: tensor([], 'float32', [0, 2]),
      Indices: tensor([], 'int64', [0, 2]),
      Label: tensor([], 'int64', [0, 1]),
    }
    expect(list('accuracy', given, {}, ['Accuracy', 'Correct', 'Total'])).toEqual([0, 0, 0])
  })
})

describe('dropout', () => {
  const ones = tensor(new Float32Array(6).fill(1))
  const slots = ['Out', 'Mask']
  /** How many numbers the generator has given since `seed(1)`, up to 20. */
  const drawn = (): number => {
    const next = uniformFloat32(defaultGenerator.engine)
    seed(1)
    for (let i = 0; i < 20; i++) if (uniformFloat32(defaultGenerator.engine) === next) return i
    return -1
  }
  it.each([
    [{ dropout_prob: 0 }, 6],
    [{ dropout_prob: 0.5 }, 6],
    [{ dropout_prob: 1 }, 0],
    [{ dropout_prob: 0.5, fix_seed: true, seed: 3 }, 0],
    [{ dropout_prob: 0.5, fix_seed: true, seed: 0 }, 6],
    [{ dropout_prob: 0.5, fix_seed: false, seed: 3 }, 6],
  ])('with %j draws %i numbers from the generator', (attrs, count) => {
    seed(1)
    run('dropout', { X: ones }, attrs, slots)
    expect(drawn()).toBe(count)
  })
  it('divides by 1 - p', () => {
    seed(1)
    const [out, mask] = run(
      'dropout',
      { X: ones },
      { dropout_prob: 0.3, dropout_implementation: 'upscale_in_train' },
      slots,
    )
    const kept = Math.fround(1 / Math.fround(1 - Math.fround(0.3)))
    expect(out!.toArray()).toEqual((mask!.toArray() as number[]).map((bit) => bit * kept))
  })
  it('works without Mask', () => {
    seed(1)
    const [alone] = run('dropout', { X: ones }, {})
    seed(1)
    expect(run('dropout', { X: ones }, {}, slots)[0]!.toArray()).toEqual(alone!.toArray())
  })
})

describe('random tensors', () => {
  it('give halves by rounding float32', () => {
    const [half] = run('uniform_random', {}, { shape: [4], seed: 1, dtype: 'float16' })
    const [full] = run('uniform_random', {}, { shape: [4], seed: 1 })
    ;(half!.toArray() as number[]).forEach((value, i) => {
      expect(Math.abs(value - Number(full!.at(i)))).toBeLessThan(2 ** -11)
    })
  })
  it('read the shape from tensors where the attribute is empty', () => {
    for (const type of ['uniform_random', 'gaussian_random']) {
      expect(run(type, { ShapeTensor: tensor([2n, 3n]) }, { seed: 5 })[0]!.shape).toEqual([2, 3])
      expect(
        run(type, { ShapeTensorList: [tensor([2n]), tensor([1n])] }, { shape: [-1, 1], seed: 5 })[0]!.shape,
      ).toEqual([2, 1])
    }
  })
  it.each([
    ['uniform_random', { shape: [2], min: 1, max: 0 }],
    ['uniform_random', { shape: [2, 2], diag_num: 3, diag_step: 2 }],
    ['uniform_random', { shape: [2, -1] }],
    ['gaussian_random', { shape: [2], dtype: 'int32' }],
    ['truncated_gaussian_random', { shape: [-1] }],
  ])('%s refuses %j', (type, attrs) => {
    expect(() => run(type, {}, attrs)).toThrow(InvalidArgumentError)
  })
})

describe('feed and fetch', () => {
  /** Out = 2 * X as a saved inference program holds it. */
  function saved(): Program {
    const program = new Program(ops)
    const block = program.globalBlock()
    block.createVar({ name: 'feed', type: 'FEED_MINIBATCH', persistable: true })
    block.createVar({ name: 'fetch', type: 'FETCH_LIST', persistable: true })
    for (const name of ['a', 'b']) block.createVar({ name, dtype: 'float32', shape: [-1] })
    block.appendOp({ type: 'feed', inputs: { X: 'feed' }, outputs: { Out: 'a' }, attrs: { col: 0 } })
    block.appendOp({ type: 'feed', inputs: { X: 'feed' }, outputs: { Out: 'b' }, attrs: { col: 1 } })
    block.appendOp({ type: 'concat', inputs: { X: ['a', 'b'] }, outputs: { Out: 'c' }, attrs: { axis: 0 } })
    block.appendOp({ type: 'fetch', inputs: { X: 'c' }, outputs: { Out: 'fetch' }, attrs: { col: 1 } })
    block.appendOp({ type: 'fetch', inputs: { X: 'a' }, outputs: { Out: 'fetch' }, attrs: { col: 0 } })
    return program
  }
  it('run a saved program', () => {
    const executor = new Executor()
    const program = saved()
    for (const a of [[1], [2, 3]]) {
      const feed = { a: tensor(a), b: tensor([9]) }
      const [c] = executor.run(program, { feed, fetch: ['c'] }) as Tensor[]
      expect(c!.toArray()).toEqual([...a, 9])
      const [list] = executor.run(program, { feed, fetch: ['fetch'] })
      const { items } = list as TensorArray
      expect(items.map((item) => item.toArray())).toEqual([a, [...a, 9]])
    }
  })
  it('name a value that is missing', () => {
    expect(() => new Executor().run(saved(), { feed: { a: tensor([1]) } })).toThrow(PreconditionNotMetError)
    expect(() => new Executor().run(saved(), { feed: { a: tensor([1]) } })).toThrow(/"b"/)
  })
})

describe('training end to end', () => {
  it('softmax_with_cross_entropy, reduce_mean and dropout give a gradient in one pass', () => {
    const program = new Program(ops)
    const block = program.globalBlock()
    const x = block.createVar({ name: 'x', dtype: 'float64', shape: [2, 3], persistable: true, stopGradient: false })
    block.createVar({ name: 'label', dtype: 'int64', shape: [2, 1], persistable: true, stopGradient: true })
    block.appendOp({
      type: 'dropout',
      inputs: { X: x },
      outputs: { Out: 'd', Mask: 'm' },
      attrs: { dropout_prob: 0.5, fix_seed: true, seed: 11, dropout_implementation: 'upscale_in_train' },
    })
    block.appendOp({
      type: 'softmax_with_cross_entropy',
      inputs: { Logits: 'd', Label: 'label' },
      outputs: { Softmax: 'p', Loss: 'l' },
    })
    block.appendOp({ type: 'reduce_mean', inputs: { X: 'l' }, outputs: { Out: 'loss' }, attrs: { reduce_all: true } })
    gradients([block.vars.get('loss')!], [x])
    const executor = new Executor()
    executor.scope.set(
      'x',
      tensor(
        [
          [0.1, -0.2, 0.3],
          [1, 0.5, -1],
        ],
        'float64',
      ),
    )
    executor.scope.set('label', tensor([[2n], [0n]]))
    const [p, m, grad] = executor.run(program, { fetch: ['p', 'm', 'x@GRAD'] }) as Tensor[]
    for (let i = 0; i < 6; i++) {
      const hot = i === 2 || i === 3 ? 1 : 0
      expect(Number(grad!.at(i))).toBeCloseTo(((Number(p!.at(i)) - hot) / 2) * Number(m!.at(i)) * 2, 14)
    }
  })
})
