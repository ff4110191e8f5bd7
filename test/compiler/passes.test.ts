/** Each pass on programs written by hand, whose result is written by hand too. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Executor } from '../../src/compiler/executor.ts'
import { optimize, PassFailure } from '../../src/compiler/optimize.ts'
import type { Pass } from '../../src/compiler/passes/pass.ts'
import { choosePasses, PASSES, PIPELINES } from '../../src/compiler/passes/pipelines.ts'
import { build, input, nn, optimizer, type Program, Scope, ops as standardOps, tensor } from '../../src/index.ts'
import { Program as StandardProgram } from '../../src/modes/static.ts'
import type { DType } from '../../src/tensor/dtype.ts'
import { sameBits } from '../../src/tensor/same_bits.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { valueFromJSON } from '../../src/tensor/tensor_json.ts'
import { Recording } from '../../tools/replay/recording.ts'
import { type Line, names, program, run, text } from './pass_programs.ts'

const x = { x: { fed: true } } as const

describe('dead_code', () => {
  test('takes out what nobody uses, and what only that used', () => {
    const made = program(x, [
      ['relu', { X: ['x'] }, { Out: ['y'] }],
      ['tanh', { X: ['x'] }, { Out: ['a'] }],
      ['exp', { X: ['a'] }, { Out: ['b'] }],
    ])
    const after = run(made, 'dead_code')
    expect(text(after)).toEqual(['y = relu(x)'])
    expect(names(after)).toEqual(['x', 'y'])
  })

  test('keeps what is fetched, kept, random or an update', () => {
    const made = program({ ...x, w: { kept: true }, rate: { kept: true, shape: [1] } }, [
      ['relu', { X: ['x'] }, { Out: ['y'] }],
      ['scale', { X: ['x'] }, { Out: ['w'] }, { scale: 2 }],
      ['dropout', { X: ['x'] }, { Out: ['d'], Mask: ['m'] }],
      ['sgd', { Param: ['w'], Grad: ['y'], LearningRate: ['rate'] }, { ParamOut: ['w'] }],
    ])
    expect(run(made, 'dead_code', [])).toBe(made)
    expect(run(made, 'dead_code')).toBe(made)
  })

  test('takes out a value that is written anew before it is read', () => {
    const made = program(x, [
      ['relu', { X: ['x'] }, { Out: ['a'] }],
      ['tanh', { X: ['x'] }, { Out: ['a'] }],
      ['exp', { X: ['a'] }, { Out: ['y'] }],
    ])
    expect(text(run(made, 'dead_code'))).toEqual(['a = tanh(x)', 'y = exp(a)'])
  })

  test('keeps a value that an operator in place reads', () => {
    const made = program(x, [
      ['relu', { X: ['x'] }, { Out: ['y'] }],
      ['scale', { X: ['y'] }, { Out: ['y'] }, { scale: 2 }],
    ])
    expect(run(made, 'dead_code')).toBe(made)
  })

  test('without a fetch list every result counts as wanted', () => {
    const made = program(x, [
      ['relu', { X: ['x'] }, { Out: ['y'] }],
      ['tanh', { X: ['x'] }, { Out: ['a'] }],
    ])
    expect(optimize(made, { passes: ['dead_code'] }).program).toBe(made)
  })

  test('leaves an operator that is not known', () => {
    const made = StandardProgram.from({
      format: 'oarlock-program',
      format_version: 1,
      blocks: [
        {
          idx: 0,
          parent_idx: -1,
          vars: [{ name: 'x', need_check_feed: true }, { name: 'a' }],
          ops: [{ type: 'of_another_library', inputs: { X: ['x'] }, outputs: { Out: ['a'] } }],
        },
      ],
    })
    expect(optimize(made, { passes: 'inference', fetch: [] }).program).toBe(made)
  })
})

describe('constant_folding', () => {
  const fill = (out: string, value: number, dtype: DType = 'float32', shape = [2, 3]): Line => [
    'fill_constant',
    {},
    { Out: [out] },
    { dtype, shape, value },
  ]

  test('computes a chain of constants', () => {
    const made = program(x, [
      fill('a', 3),
      ['scale', { X: ['a'] }, { Out: ['b'] }, { scale: 2, bias: 1 }],
      ['sqrt', { X: ['b'] }, { Out: ['c'] }],
      ['elementwise_add', { X: ['x'], Y: ['c'] }, { Out: ['y'] }],
    ])
    const after = run(made, 'constant_folding')
    expect(text(after)).toEqual(
      ['c = fill_constant()', 'y = elementwise_add(c x)'].map((line) => line.replace('c x', 'x c')),
    )
    expect(after.globalBlock().ops[0]!.attrs).toMatchObject({ value: Math.fround(Math.sqrt(7)), shape: [2, 3] })
    expect(names(after)).toEqual(['x', 'c', 'y'])
  })

  test('writes values that differ one by one', () => {
    const made = program({}, [
      ['assign_value', {}, { Out: ['a'] }, { shape: [3], dtype: 'int64', int64_values: [1, -2, 9007199254740993n] }],
      ['elementwise_add', { X: ['a'], Y: ['a'] }, { Out: ['y'] }],
    ])
    const after = run(made, 'constant_folding')
    expect(text(after)).toEqual(['y = assign_value()'])
    const [value] = new Executor().run(after, { fetch: ['y'] })
    expect((value as Tensor).toArray()).toEqual([2, -4, 18014398509481986n])
  })

  test.each([
    ['float32', -0],
    ['float32', Infinity],
    ['float64', 0.1],
    ['float16', 0.1],
    ['bfloat16', 3.14],
    ['bool', 1],
    ['int8', -7],
  ] as const)('keeps the bits of %s %d', (dtype, value) => {
    const str_value = Object.is(value, -0) ? '-0' : value === Infinity ? 'inf' : String(value)
    const made = program({}, [
      ['fill_constant', {}, { Out: ['a'] }, { dtype, shape: [5], str_value }],
      ['reshape2', { X: ['a'] }, { Out: ['y'], XShape: ['s'] }, { shape: [5, 1] }],
    ])
    const after = run(made, 'constant_folding')
    expect(text(after)).toEqual(['y = fill_constant()'])
    const [before, folded] = [made, after].map((each) => new Executor().run(each, { fetch: ['y'] })[0] as Tensor)
    expect(sameBits(before!, folded!)).toBe(true)
  })

  test('leaves random operators, what depends on a feed, and what may change', () => {
    const made = program({ ...x, w: { kept: true, shape: [2, 3] } }, [
      fill('a', 3),
      ['elementwise_add', { X: ['x'], Y: ['a'] }, { Out: ['b'] }],
      ['elementwise_add', { X: ['w'], Y: ['a'] }, { Out: ['c'] }],
      ['dropout', { X: ['a'] }, { Out: ['y'], Mask: ['m'] }],
      ['scale', { X: ['a'] }, { Out: ['w'] }, { scale: 2 }],
    ])
    expect(run(made, 'constant_folding', ['y', 'b', 'c'])).toBe(made)
  })

  test('leaves what it cannot write without losing bits, and what would fail', () => {
    const nan = program({}, [fill('a', -1), ['sqrt', { X: ['a'] }, { Out: ['y'] }]])
    expect(text(run(nan, 'constant_folding'))).toHaveLength(2)
    const zero = program({}, [
      fill('a', 1, 'int32'),
      fill('b', 0, 'int32'),
      ['elementwise_div', { X: ['a'], Y: ['b'] }, { Out: ['y'] }],
    ])
    expect(run(zero, 'constant_folding')).toBe(zero)
    expect(() => new Executor().run(zero, { fetch: ['y'] })).toThrow(/zero/)
  })

  test('leaves what the two back ends compute differently', () => {
    const values = Array.from({ length: 64 }, (_, i) => Math.fround(-3 + i * 0.1))
    const made = program({}, [
      ['assign_value', {}, { Out: ['a'] }, { shape: [64], dtype: 'float32', fp32_values: values }],
      ['exp', { X: ['a'] }, { Out: ['y'] }],
    ])
    const [ts, wasm] = (['ts', 'wasm'] as const).map((backend) => {
      return new Executor({ backend }).run(made, { fetch: ['y'] })[0] as Tensor
    })
    expect(run(made, 'constant_folding') === made).toBe(!sameBits(ts!, wasm!))
  })
})

describe('common_subexpressions', () => {
  test('computes equal things once, through several operators', () => {
    const made = program(x, [
      ['relu', { X: ['x'] }, { Out: ['a'] }],
      ['relu', { X: ['x'] }, { Out: ['b'] }],
      ['scale', { X: ['a'] }, { Out: ['c'] }, { scale: 2 }],
      ['scale', { X: ['b'] }, { Out: ['d'] }, { scale: 2 }],
      ['elementwise_add', { X: ['c'], Y: ['d'] }, { Out: ['y'] }],
    ])
    const after = run(made, 'common_subexpressions')
    expect(text(after)).toEqual(['a = relu(x)', 'c = scale(a)', 'y = elementwise_add(c c)'])
    expect(names(after)).toEqual(['x', 'a', 'c', 'y'])
  })

  test('tells attributes, also -0 and 0, and inputs that were written in between', () => {
    const made = program(x, [
      ['scale', { X: ['x'] }, { Out: ['a'] }, { bias: 0 }],
      ['scale', { X: ['x'] }, { Out: ['b'] }, { bias: -0 }],
      ['scale', { X: ['x'] }, { Out: ['c'] }, { scale: 2 }],
      ['relu', { X: ['x'] }, { Out: ['x'] }],
      ['scale', { X: ['x'] }, { Out: ['d'] }, { scale: 2 }],
      ['sum', { X: ['a', 'b', 'c', 'd'] }, { Out: ['y'] }],
    ])
    expect(run(made, 'common_subexpressions')).toBe(made)
  })

  test('leaves random operators, and names that somebody wants', () => {
    const made = program(x, [
      ['dropout', { X: ['x'] }, { Out: ['a'], Mask: ['m'] }],
      ['dropout', { X: ['x'] }, { Out: ['b'], Mask: ['n'] }],
      ['relu', { X: ['x'] }, { Out: ['c'] }],
      ['relu', { X: ['x'] }, { Out: ['d'] }],
    ])
    expect(run(made, 'common_subexpressions', ['a', 'b', 'c', 'd'])).toBe(made)
    expect(text(run(made, 'common_subexpressions', ['a', 'b', 'c']))).toHaveLength(3)
  })

  test('is linear: 5,000 equal operators', () => {
    const lines: Line[] = Array.from({ length: 5000 }, (_, i) => ['relu', { X: ['x'] }, { Out: [`a${i}`] }])
    const made = program(x, [...lines, ['sum', { X: lines.map((_, i) => `a${i}`) }, { Out: ['y'] }]])
    const began = performance.now()
    expect(text(run(made, 'common_subexpressions'))).toHaveLength(2)
    expect(performance.now() - began).toBeLessThan(5000)
  })
})

describe('cancel_casts', () => {
  const cast = (from: string, to: string, dtype: DType): Line => [
    'cast',
    { X: [from] },
    { Out: [to] },
    { out_dtype: dtype, in_dtype: 'float32' },
  ]

  test('a wider type and back is nothing; a narrower one rounds and stays', () => {
    const half = { x: { fed: true, dtype: 'float16' } } as const
    const wide = program(half, [
      cast('x', 'a', 'float32'),
      cast('a', 'b', 'float16'),
      ['relu', { X: ['b'] }, { Out: ['y'] }],
    ])
    expect(text(run(wide, 'cancel_casts'))).toEqual(['y = relu(x)'])
    const narrow = program(x, [
      cast('x', 'a', 'float16'),
      cast('a', 'b', 'float32'),
      ['relu', { X: ['b'] }, { Out: ['y'] }],
    ])
    expect(run(narrow, 'cancel_casts')).toBe(narrow)
  })

  test('goes through a chain, and stays where somebody wants a value', () => {
    const half = { x: { fed: true, dtype: 'bfloat16' } } as const
    const made = program(half, [
      cast('x', 'a', 'float32'),
      cast('a', 'b', 'bfloat16'),
      cast('b', 'c', 'float32'),
      cast('c', 'y', 'bfloat16'),
    ])
    expect(text(run(made, 'cancel_casts'))).toEqual(['y = cast(x)'])
    expect(text(run(made, 'cancel_casts', ['b', 'y']))).toEqual(['b = cast(x)', 'y = cast(x)'])
  })

  test('a cast to the type that is there goes', () => {
    const made = program(x, [cast('x', 'a', 'float32'), ['relu', { X: ['a'] }, { Out: ['y'] }]])
    expect(text(run(made, 'cancel_casts'))).toEqual(['y = relu(x)'])
  })

  const TYPES: readonly DType[] = [
    'float16',
    'bfloat16',
    'float32',
    'float64',
    'bool',
    'int8',
    'uint8',
    'int16',
    'int32',
    'int64',
  ]
  test.each(TYPES)('from %s by way of every type to every type: what is left has the same bits', (from) => {
    let changed = 0
    for (const by of TYPES) {
      for (const to of TYPES) {
        const made = program({ x: { fed: true, dtype: from, shape: [-1] } }, [
          cast('x', 'a', by),
          cast('a', 'b', to),
          ['assign', { X: ['b'] }, { Out: ['y'] }],
        ])
        const after = run(made, 'cancel_casts')
        if (after === made) continue
        changed++
        const feed = { x: edgesOf(from) }
        const [old, now] = [made, after].map((each) => new Executor().run(each, { feed, fetch: ['y'] })[0] as Tensor)
        expect(sameBits(old!, now!), `${from} ${by} ${to}`).toBe(true)
      }
    }
    expect(changed).toBeGreaterThan(0)
  })
})

/** Every half but signalling NaNs; of other types the edges and numbers between. */
function edgesOf(dtype: DType): Tensor {
  if (dtype === 'float16' || dtype === 'bfloat16') {
    const [exponent, quiet] = dtype === 'float16' ? [0x7c00, 0x200] : [0x7f80, 0x40]
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i)
    const signals = (half: number): boolean =>
      (half & exponent) === exponent && (half & (0x7fff ^ exponent)) !== 0 && (half & quiet) === 0
    const kept = bits.filter((half) => !signals(half))
    return new Tensor(dtype, [kept.length], kept)
  }
  if (dtype === 'bool') return tensor([true, false], 'bool')
  if (dtype === 'float32' || dtype === 'float64') {
    const numbers = [
      0,
      -0,
      1.5,
      -2.5,
      1e-45,
      3.4e38,
      -3.4e38,
      65519,
      65520,
      2147483647,
      -2147483649,
      1e20,
      NaN,
      Infinity,
      -Infinity,
    ]
    return tensor([...numbers, ...Array.from({ length: 200 }, (_, i) => Math.sin(i) * 10 ** (i % 9))], dtype)
  }
  const bits = { int8: 8, uint8: 8, int16: 16, int32: 32, int64: 64 }[dtype as 'int8']
  const low = dtype === 'uint8' ? 0n : -(2n ** BigInt(bits - 1))
  const high = dtype === 'uint8' ? 255n : 2n ** BigInt(bits - 1) - 1n
  const whole = [low, low + 1n, 0n, 1n, 77n, high - 1n, high]
  return tensor(dtype === 'int64' ? whole : whole.map(Number), dtype)
}

describe('cancel_transposes', () => {
  const transpose = (from: string, to: string, axis: number[]): Line => [
    'transpose2',
    { X: [from] },
    { Out: [to], XShape: [`${to}.shape`] },
    { axis },
  ]
  const image = { x: { fed: true, shape: [2, 3, 4, 5] } } as const
  const seen: Line = ['relu', { X: ['b'] }, { Out: ['y'] }]

  test('two that undo each other go', () => {
    const made = program(image, [transpose('x', 'a', [0, 2, 3, 1]), transpose('a', 'b', [0, 3, 1, 2]), seen])
    const after = run(made, 'cancel_transposes')
    expect(text(after)).toEqual(['y = relu(x)'])
    expect(names(after)).toEqual(['x', 'y'])
  })

  test('two others become one', () => {
    const made = program(image, [transpose('x', 'a', [1, 0, 2, 3]), transpose('a', 'b', [0, 2, 1, 3]), seen])
    const after = run(made, 'cancel_transposes')
    expect(after.globalBlock().ops.map(({ type }) => type)).toEqual(['transpose2', 'relu'])
    expect(after.globalBlock().ops[0]!.attrs['axis']).toEqual([1, 2, 0, 3])
    const feed = {
      x: tensor(
        Array.from({ length: 120 }, (_, i) => i - 60),
        'float32',
        [2, 3, 4, 5],
      ),
    }
    const [old, now] = [made, after].map((each) => new Executor().run(each, { feed, fetch: ['y'] })[0] as Tensor)
    expect(sameBits(old!, now!)).toBe(true)
  })

  test('a chain of 5,000 becomes one, in linear time', () => {
    const lines = Array.from({ length: 5000 }, (_, i) => transpose(i === 0 ? 'x' : `t${i}`, `t${i + 1}`, [1, 0, 2, 3]))
    const made = program(image, [...lines, ['relu', { X: ['t5000'] }, { Out: ['y'] }]])
    const began = performance.now()
    expect(text(run(made, 'cancel_transposes'))).toEqual(['y = relu(x)'])
    expect(performance.now() - began).toBeLessThan(5000)
  })

  test('training: gradients go on reading XShape', () => {
    const { main, out } = build(() => {
      const w = new nn.Linear(3, 3).forward(input('x', [2, 3]))
      const block = w.block
      for (const name of ['a', 'b']) block.createVar({ name })
      block.appendOp({
        type: 'transpose2',
        inputs: { X: w },
        outputs: { Out: 'a', XShape: 'as' },
        attrs: { axis: [1, 0] },
      })
      block.appendOp({
        type: 'transpose2',
        inputs: { X: 'a' },
        outputs: { Out: 'b', XShape: 'bs' },
        attrs: { axis: [1, 0] },
      })
      const loss = block.var('b').square().mean()
      new optimizer.SGD({ learningRate: 0.1 }).minimize(loss)
      return loss.name
    })
    const after = run(main, 'training', [out])
    const feed = {
      x: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    }
    const losses = [main, after].map((each) => {
      const executor = new Executor({ seed: 1 })
      executor.run(main.startup!)
      return [1, 2, 3].map(() => (executor.run(each, { feed, fetch: [out] })[0] as Tensor).item())
    })
    expect(losses[1]).toEqual(losses[0])
  })
})

describe('merge_updates', () => {
  function trained(make: () => { minimize(loss: never): unknown }): { main: Program; loss: string } {
    const { main, out } = build(
      () => {
        const y = nn.functional.fc(nn.functional.fc(input('x', [null, 4]), 8, { activation: 'tanh' }), 3)
        const loss = y.square().mean()
        make().minimize(loss as never)
        return loss.name
      },
      { seed: 3 },
    )
    return { main, loss: out }
  }

  test.each([
    ['adam', () => new optimizer.Adam({ learningRate: 0.1 }), 'merged_adam'],
    [
      'momentum',
      () => new optimizer.Momentum({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 }),
      'merged_momentum',
    ],
    [
      'nesterov',
      () => new optimizer.Momentum({ learningRate: 0.1, momentum: 0.9, useNesterov: true }),
      'merged_momentum',
    ],
  ])('%s: one operator for all parameters, compiled and with equal bits', (_, make, type) => {
    const { main, loss } = trained(make)
    const after = run(main, 'merge_updates', [loss])
    const merged = after.globalBlock().ops.filter((op) => op.type.startsWith('merged_'))
    expect(merged.map((op) => op.type)).toEqual([type])
    const updates = main.globalBlock().ops.filter((op) => `merged_${op.type}` === type)
    expect(updates).toHaveLength(4)
    expect(merged[0]!.inputs['Param']).toEqual(updates.flatMap((op) => op.inputs['Param']))
    expect(merged[0]!.roleVars).toEqual(updates.flatMap((op) => op.roleVars))
    const feed = {
      x: [
        [1, -2, 3, 4],
        [0.5, 0.25, -1, 2],
      ],
    }
    for (const backend of ['ts', 'wasm'] as const) {
      const [old, now] = [main, after].map((each) => {
        const executor = new Executor({ backend })
        executor.run(main.startup!)
        for (let step = 0; step < 4; step++) executor.run(each, { feed, fetch: [loss] })
        return { executor, values: main.parameters().map(({ name }) => executor.scope.get(name) as Tensor) }
      })
      expect(now!.values.map((value, i) => sameBits(value, old!.values[i]!))).not.toContain(false)
      // All that is compiled one by one is compiled together too.
      const count = ({ executor }: { executor: Executor }): number => executor.lastRun!.compiledOps
      if (backend === 'wasm') expect(count(now!)).toBe(count(old!) - 3)
    }
  })

  test('different attributes stay apart, and sparse gradients alone', () => {
    const made = program({ a: { kept: true }, b: { kept: true }, g: { fed: true }, lr: { kept: true, shape: [1] } }, [])
    const block = made.globalBlock()
    for (const [p, mu] of [
      ['a', 0.9],
      ['b', 0.5],
    ] as const) {
      block.createVar({ name: `${p}v`, shape: [2, 3], persistable: true })
      block.appendOp({
        type: 'momentum',
        inputs: { Param: p, Grad: 'g', Velocity: `${p}v`, LearningRate: 'lr' },
        outputs: { ParamOut: p, VelocityOut: `${p}v` },
        attrs: { mu },
      })
    }
    expect(run(made, 'merge_updates', [])).toBe(made)
  })

  test('an operator between that reads a new parameter keeps its place', () => {
    const vars = {
      a: { kept: true },
      av: { kept: true },
      b: { kept: true },
      bv: { kept: true },
      g: { fed: true },
      lr: { kept: true, shape: [1] },
    } as const
    const update = (p: string): Line => [
      'momentum',
      { Param: [p], Grad: ['g'], Velocity: [`${p}v`], LearningRate: ['lr'] },
      { ParamOut: [p], VelocityOut: [`${p}v`] },
      { mu: 0.5 },
    ]
    const apart = program(vars, [update('a'), ['scale', { X: ['a'] }, { Out: ['y'] }, { scale: 2 }], update('b')])
    expect(run(apart, 'merge_updates')).toBe(apart)
    const together = program(vars, [update('a'), ['scale', { X: ['g'] }, { Out: ['y'] }, { scale: 2 }], update('b')])
    expect(text(run(together, 'merge_updates'))).toEqual([
      'y = scale(g)',
      'a b av bv = merged_momentum(g g lr lr a b av bv)',
    ])
  })
})

describe('fold_batch_norm', () => {
  const CONVOLUTIONS = [
    ['conv2d', { groups: 1 }, [4, 6, 3, 3], 'NCHW'],
    ['conv2d', { groups: 2 }, [4, 3, 3, 3], 'NCHW'],
    ['conv2d', { groups: 1 }, [4, 6, 3, 3], 'NHWC'],
    ['depthwise_conv2d', { groups: 6 }, [6, 1, 3, 3], 'NCHW'],
    ['conv2d_transpose', { groups: 1 }, [6, 4, 3, 3], 'NCHW'],
    ['conv2d_transpose', { groups: 2 }, [6, 2, 3, 3], 'NCHW'],
  ] as const

  function network(
    type: string,
    attrs: object,
    filter: readonly number[],
    layout: string,
    biased: boolean,
  ): { made: Program; scope: Scope } {
    const transposed = type === 'conv2d_transpose'
    const channels = transposed ? filter[1]! * (attrs as { groups: number }).groups : filter[0]!
    const vector = { kept: true, shape: [channels] } as const
    const made = program(
      {
        x: { fed: true, shape: layout === 'NCHW' ? [2, 6, 5, 5] : [2, 5, 5, 6] },
        w: { kept: true, shape: filter },
        scale: vector,
        bias: vector,
        mean: vector,
        variance: vector,
        before: vector,
      },
      [
        [type, { Input: ['x'], Filter: ['w'] }, { Output: ['c'] }, { ...attrs, data_format: layout }],
        ...(biased
          ? [
              [
                'elementwise_add',
                { X: ['c'], Y: ['before'] },
                { Out: ['d'] },
                { axis: layout === 'NCHW' ? 1 : -1 },
              ] as Line,
            ]
          : []),
        [
          'batch_norm',
          { X: [biased ? 'd' : 'c'], Scale: ['scale'], Bias: ['bias'], Mean: ['mean'], Variance: ['variance'] },
          { Y: ['y'], MeanOut: ['mean'], VarianceOut: ['variance'], SavedMean: ['sm'], SavedVariance: ['sv'] },
          { is_test: true, epsilon: 1e-3, data_layout: layout },
        ],
      ],
    )
    const scope = new Scope()
    let draw = 0
    for (const [name, { shape, persistable }] of made.globalBlock().vars) {
      if (!persistable) continue
      const count = shape.reduce((size, dim) => size * dim, 1)
      const numbers = Array.from({ length: count }, () => Math.sin(++draw * 12.9898))
      scope.set(name, tensor(name === 'variance' ? numbers.map((v) => v * v + 0.1) : numbers, 'float32', shape))
    }
    return { made, scope }
  }

  const feedOf = (layout: string): { x: Tensor } => ({
    x: tensor(
      Array.from({ length: 300 }, (_, i) => Math.cos(i * 1.7)),
      'float32',
      layout === 'NCHW' ? [2, 6, 5, 5] : [2, 5, 5, 6],
    ),
  })

  test.each(CONVOLUTIONS.flatMap((each) => [[...each, false] as const, [...each, true] as const]))(
    '%s %j %j %s, with a bias: %s',
    (type, attrs, filter, layout, biased) => {
      const { made, scope } = network(type, attrs, filter, layout, biased)
      const result = optimize(made, { passes: ['fold_batch_norm'], fetch: ['y'], values: scope })
      expect(text(result.program)).toEqual(
        [`c = ${type}(w.folded x)`, 'y = elementwise_add(c bias.shift)'].map((line) =>
          line.replace('w.folded x', 'w.folded x'),
        ),
      )
      expect(names(result.program).sort()).toEqual(
        ['bias.shift', 'c', 'w.folded', 'x', 'y', ...(biased ? [] : ['before'])].sort(),
      )
      expect([...result.values.keys()].sort()).toEqual(['bias.shift', 'w.folded'])
      expect(result.tolerance).toBe(1e-5)
      const executor = new Executor({ scope })
      const feed = feedOf(layout)
      const [before] = executor.run(made, { feed, fetch: ['y'] }) as [Tensor]
      for (const [name, value] of result.values) scope.set(name, value)
      const [after] = executor.run(result.program, { feed, fetch: ['y'] }) as [Tensor]
      const largest = Math.max(...(before.data as Float32Array).map(Math.abs))
      expect(largest).toBeGreaterThan(0.1)
      for (let i = 0; i < before.size; i++) {
        expect(Math.abs(Number(before.at(i)) - Number(after.at(i)))).toBeLessThanOrEqual(1e-5 * largest)
      }
    },
  )

  test('leaves training, results that others read, shared work, and programs without values', () => {
    const { made, scope } = network('conv2d', { groups: 1 }, [4, 6, 3, 3], 'NCHW', false)
    expect(optimize(made, { passes: ['fold_batch_norm'], fetch: ['y'] }).program).toBe(made)
    expect(optimize(made, { passes: ['fold_batch_norm'], fetch: ['y', 'c'], values: scope }).program).toBe(made)
    const training = made.clone()
    training.globalBlock().setAttr(training.globalBlock().ops[1]!, 'is_test', false)
    expect(optimize(training, { passes: ['fold_batch_norm'], fetch: ['y'], values: scope }).program).toBe(training)
    const changed = made.clone()
    changed.globalBlock().appendOp({ type: 'scale', inputs: { X: 'w' }, outputs: { Out: 'w' }, attrs: { scale: 2 } })
    expect(optimize(changed, { passes: ['fold_batch_norm'], fetch: ['y'], values: scope }).program).toBe(changed)
  })
})

describe('blocks inside', () => {
  test('what only they read is neither taken out nor named otherwise', () => {
    const recording = new Recording(fileURLToPath(new URL('../golden/programs/case_chain', import.meta.url)))
    const made = recording.program('main')!
    const block = made.globalBlock()
    // The first branch reads a copy of x that no operator outside of it reads, and that looks like another one.
    block.insertOp(0, { type: 'scale', inputs: { X: 'x' }, outputs: { Out: 'inside' }, attrs: { scale: 3 } })
    block.insertOp(0, { type: 'scale', inputs: { X: 'x' }, outputs: { Out: 'outside' }, attrs: { scale: 3 } })
    const branch = made.blocks[1]!
    branch.replaceOps(branch.ops.map((op) => op.renamed((name) => (name === 'x' ? 'inside' : name))))
    const fetch = [...recording.meta.fetches, 'outside']
    const feeds = recording.json<Record<string, unknown>[]>('feeds')!
    for (const passes of ['training', 'inference'] as const) {
      const { program: after } = optimize(made, { passes, fetch })
      expect(after.globalBlock().ops.filter((op) => op.outputNames()[0] === 'inside')).toHaveLength(1)
      for (const step of feeds) {
        const feed = Object.fromEntries(Object.entries(step).map(([name, json]) => [name, valueFromJSON(json)]))
        const [old, now] = [made, after].map((each) => new Executor().run(each, { feed, fetch }) as Tensor[])
        expect(now!.map((value, i) => sameBits(value, old![i]!))).not.toContain(false)
      }
    }
  })
})

describe('optimize', () => {
  const made = program(x, [['relu', { X: ['x'] }, { Out: ['y'] }]])
  const broken = (run: Pass['run']): Pass => ({ name: 'broken', doc: 'Breaks.', changesBits: false, run })
  const failure = (pass: Pass): PassFailure => {
    try {
      optimize(made, { passes: [pass], fetch: ['y'] })
    } catch (error) {
      if (error instanceof PassFailure) return error
      throw error
    }
    throw new Error('nothing was thrown')
  }

  test('tells of each pass, and leaves equal programs as they are', () => {
    const told: string[] = []
    const result = optimize(made, { passes: 'inference', fetch: ['y'], onStep: ({ pass }) => told.push(pass.name) })
    expect(told).toEqual(PIPELINES.inference.map(({ name }) => name))
    expect(result).toMatchObject({ program: made, tolerance: 0 })
    expect(result.steps.every(({ opsBefore, opsAfter }) => opsBefore === 1 && opsAfter === 1)).toBe(true)
  })

  test('a pass that throws: E802 with its program', () => {
    const error = failure(
      broken(() => {
        throw new TypeError('oh')
      }),
    )
    expect(error).toMatchObject({
      code: 'E802',
      category: 'Fatal',
      program: made,
      summary: 'the pass broken failed: oh',
    })
  })

  test('a pass that leaves an unsound program: E803 with the place', () => {
    const error = failure(
      broken((given) => {
        const copy = given.clone()
        copy.globalBlock().removeVar('y')
        return copy
      }),
    )
    expect(error).toMatchObject({ code: 'E803', where: { block: 0, op: 0 }, program: made })
    expect(error.summary).toContain('E207')
  })

  test('a pass that edits its argument: E803', () => {
    const error = failure(
      broken((given) => {
        given.edited()
        return given
      }),
    )
    expect(error).toMatchObject({ code: 'E803', summary: 'the pass broken edited its argument' })
  })

  test('names: pipelines, passes, the nearest one', () => {
    expect(choosePasses(['none'])).toEqual([])
    expect(choosePasses(['training'])).toEqual(PIPELINES.training)
    expect(choosePasses(['dead_code', 'dead_code'])).toHaveLength(2)
    expect(() => choosePasses(['dead_cod'])).toThrowError(/no pass "dead_cod"/)
    for (const { name, doc } of PASSES) {
      expect(name).toMatch(/^[a-z0-9_]+$/)
      expect(doc).toMatch(/\.$/)
    }
  })

  test('another operator under a standard name is not taken for it', () => {
    const library = { ...standardOps, cast: { ...standardOps.cast } }
    const own = new StandardProgram(library as never)
    const block = own.globalBlock()
    block.createVar({ name: 'x', shape: [2], needCheckFeed: true })
    block.appendOp({
      type: 'cast',
      inputs: { X: 'x' },
      outputs: { Out: 'a' },
      attrs: { in_dtype: 'float32', out_dtype: 'float32' },
    })
    block.appendOp({ type: 'relu', inputs: { X: 'a' }, outputs: { Out: 'y' } })
    expect(optimize(own, { passes: ['cancel_casts'], fetch: ['y'] }).program).toBe(own)
  })
})
