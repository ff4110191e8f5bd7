/**
 * The passes that make one operator of a product or convolution and what follows it: against what Paddle's own passes of the same names make
 * of the same programs (test/golden/fused, recorded by tools/oracle/fused_models.py), on programs by hand, and by the bits of runs.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Executor } from '../../src/compiler/executor.ts'
import { optimize } from '../../src/compiler/optimize.ts'
import { isBackendHint } from '../../src/framework/backend_hints.ts'
import { Program, readCombinedParams, tensor, verify } from '../../src/index.ts'
import { Program as StandardProgram } from '../../src/modes/static.ts'
import { ops as standardOps } from '../../src/ops/index.ts'
import type { DType } from '../../src/tensor/dtype.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { tensorFromJson } from '../../src/tensor/tensor_json.ts'
import { readGolden } from '../golden.ts'
import { differentValues } from '../ops/op_case.ts'
import { Random, toHalf } from './lowering_case.ts'
import { type Line, names, program, run, text, type Var } from './pass_programs.ts'

const CONV_PASSES = 'conv_elementwise_add_act_fuse,conv_elementwise_add2_act_fuse,conv_elementwise_add_fuse'
const ALL = `fc_fuse,${CONV_PASSES}`

const bytes = (file: string): Uint8Array =>
  new Uint8Array(gunzipSync(readFileSync(new URL(`../golden/fused/${file}.gz`, import.meta.url))))
const saved = (name: string): Program => Program.from(bytes(`${name}.pdmodel`))
const recorded = readGolden<Record<string, { feed: unknown; out: unknown }>>('fused/run.json.gz')

const ENGINES = [
  ['ts', 'plan', 1],
  ['ts', 'interpreter', 1],
  ['wasm', 'plan', 1],
  ['wasm', 'interpreter', 1],
  ['wasm', 'plan', 2],
] as const

describe("programs that Paddle's own passes have fused", () => {
  const resultOf = (
    model: string,
    parameters: string,
    feed: unknown,
    [backend, engine, threads]: (typeof ENGINES)[number],
  ) => {
    const made = saved(model)
    const executor = new Executor({ backend, engine, threads })
    for (const [name, value] of readCombinedParams(bytes(`${parameters}.pdiparams`), made))
      executor.scope.set(name, value)
    const fetch = made.globalBlock().ops.at(-1)!.inputNames()
    const [value] = executor.run(made, { feed: { x: tensorFromJson(feed) }, fetch })
    executor.dispose()
    return value as Tensor
  }

  test.each([
    ['fc, one with padded weights', 'fused', 'fused', 'plain', 'plain', 'fused'],
    ['fused_conv2d_add_act', 'conv', 'conv', 'conv_plain', 'conv', 'conv_plain'],
  ])('%s: the values of Paddle, and the bits of the program before', (_, model, values, plain, plainValues, key) => {
    const { feed, out } = recorded[key]!
    const wanted = tensorFromJson(out)
    const largest = Math.max(...(wanted.data as Float32Array).map(Math.abs))
    for (const engine of ENGINES) {
      const got = resultOf(model, values, feed, engine)
      expect(got.shape).toEqual(wanted.shape)
      for (let i = 0; i < got.size; i++) {
        expect(Math.abs(Number(got.at(i)) - Number(wanted.at(i))), `element ${i}`).toBeLessThan(2e-6 * largest)
      }
      expect(differentValues(resultOf(plain, plainValues, feed, engine), got), engine.join(' ')).toBeUndefined()
    }
  })

  /** Type, slots and attributes of the operators, but for what says where they came from and hints for other back ends. */
  const essence = (made: Program) =>
    made.globalBlock().ops.map((op) => {
      const attrs = op.filledAttrs(made.definition(op.type)!)
      const declared = Object.entries(attrs).filter(
        ([name]) =>
          Object.hasOwn(made.definition(op.type)!.attrs, name) && (name === 'fuse_alpha' || !isBackendHint(name)),
      )
      const filled = Object.entries(op.inputs).filter(([, list]) => list.length > 0)
      const outputs = Object.entries(op.outputs).filter(([, list]) => list.length > 0)
      return {
        type: op.type,
        inputs: Object.fromEntries(filled),
        outputs: Object.fromEntries(outputs),
        attrs: Object.fromEntries(declared),
      }
    })

  test('they are sound, although Paddle does not say the shape of the weights that it pads', () => {
    for (const name of ['fused', 'conv']) {
      expect(verify(saved(name)).filter(({ severity }) => severity === 'error')).toEqual([])
    }
    expect(saved('fused').globalBlock().vars.get('fc_1.w_0/0')!.shape).toEqual([])
  })

  test('our passes make the same operators of the same convolutions', () => {
    const ours = optimize(saved('conv_plain'), { passes: CONV_PASSES.split(',') }).program
    expect(essence(ours)).toEqual(essence(saved('conv')))
  })

  test('and of the same layers, but that they pad no weights', () => {
    const ours = optimize(saved('plain'), { passes: ['fc_fuse'] }).program
    const theirs = essence(saved('fused')).map((op) => {
      const { padding_weights } = op.attrs
      if (padding_weights !== true) return op
      return { ...op, inputs: { ...op.inputs, W: ['fc_1.w_0'] }, attrs: { ...op.attrs, padding_weights: false } }
    })
    expect(theirs.filter((op, i) => op !== essence(saved('fused'))[i]).length).toBeGreaterThan(0)
    // The scale before the fetch, and its name, are made when a program is saved.
    const layers = (list: typeof theirs) => list.filter(({ type }) => type === 'fc')
    expect(layers(essence(ours))).toEqual(layers(theirs))
    expect(layers(theirs)).toHaveLength(3)
  })
})

type Vars = Readonly<Record<string, Var>>
const add = (x: string, y: string, out: string, axis = -1): Line => [
  'elementwise_add',
  { X: [x], Y: [y] },
  { Out: [out] },
  { axis },
]
const unary = (type: string, x: string, out: string, attrs = {}): Line => [type, { X: [x] }, { Out: [out] }, attrs]
const mul = (x: string, y: string, out: string, rows = 1): Line => [
  'mul',
  { X: [x], Y: [y] },
  { Out: [out] },
  { x_num_col_dims: rows, y_num_col_dims: 1 },
]
const matmul = (x: string, y: string, out: string, attrs = {}): Line => [
  'matmul_v2',
  { X: [x], Y: [y] },
  { Out: [out] },
  attrs,
]
const conv = (x: string, w: string, out: string, attrs = {}, type = 'conv2d'): Line => [
  type,
  { Input: [x], Filter: [w] },
  { Output: [out] },
  attrs,
]

const LAYER: Vars = {
  x: { fed: true, shape: [-1, 3] },
  w: { kept: true, shape: [3, 4] },
  b: { kept: true, shape: [4] },
}
const IMAGE: Vars = {
  x: { fed: true, shape: [-1, 4, 5, 5] },
  r: { fed: true, shape: [2, 4, 5, 5] },
  w: { kept: true, shape: [4, 4, 3, 3] },
  v: { kept: true, shape: [4, 4, 1, 1] },
  d: { kept: true, shape: [4, 1, 3, 3] },
  b: { kept: true, shape: [4] },
  c: { kept: true, shape: [4] },
}
const PAD = { paddings: [1, 1] }

describe('fc_fuse', () => {
  test.each<[string, Vars, Line[], string[], object]>([
    ['mul and its bias', {}, [mul('x', 'w', 'm'), add('m', 'b', 'y')], ['y = fc(b x w)'], { activation_type: '' }],
    [
      'relu behind it',
      {},
      [mul('x', 'w', 'm'), add('m', 'b', 'a'), unary('relu', 'a', 'y')],
      ['y = fc(b x w)'],
      { activation_type: 'relu' },
    ],
    [
      'another activation stays',
      {},
      [mul('x', 'w', 'm'), add('m', 'b', 'a'), unary('tanh', 'a', 'y')],
      ['a = fc(b x w)', 'y = tanh(a)'],
      {},
    ],
    ['matmul_v2', {}, [matmul('x', 'w', 'm'), add('m', 'b', 'y')], ['y = fc(b x w)'], { in_num_col_dims: 1 }],
    [
      'matmul_v2 of a stack',
      { x: { fed: true, shape: [2, 5, 3] } },
      [matmul('x', 'w', 'm'), add('m', 'b', 'y', 2)],
      ['y = fc(b x w)'],
      { in_num_col_dims: 2 },
    ],
    [
      'mul of all trailing dimensions',
      { x: { fed: true, shape: [5, 3, 1] } },
      [mul('x', 'w', 'm'), add('m', 'b', 'y')],
      ['y = fc(b x w)'],
      { in_num_col_dims: 1 },
    ],
    ['the bias in X', {}, [mul('x', 'w', 'm'), add('b', 'm', 'y')], ['y = fc(b x w)'], {}],
    [
      'the bias as a row',
      { b: { kept: true, shape: [1, 4] } },
      [mul('x', 'w', 'm'), add('m', 'b', 'y')],
      ['y = fc(b x w)'],
      {},
    ],
    ['the bias by its axis', {}, [mul('x', 'w', 'm'), add('m', 'b', 'y', 1)], ['y = fc(b x w)'], {}],
    [
      'operators between',
      {},
      [
        mul('x', 'w', 'm'),
        unary('tanh', 'x', 't'),
        add('m', 'b', 'a'),
        unary('exp', 't', 'u'),
        unary('relu', 'a', 'y'),
      ],
      ['t = tanh(x)', 'u = exp(t)', 'y = fc(b x w)'],
      {},
    ],
  ])('%s', (_, vars, lines, wanted, attrs) => {
    const after = run(program({ ...LAYER, ...vars }, lines), 'fc_fuse', ['y', 'u'])
    expect(text(after)).toEqual(wanted)
    expect(after.globalBlock().ops.find(({ type }) => type === 'fc')!.attrs).toMatchObject(attrs)
    expect(names(after)).not.toContain('m')
  })

  const both = [mul('x', 'w', 'm'), add('m', 'b', 'y')]
  test.each<[string, Vars, Line[], string[]?]>([
    ['a product that others read', {}, [...both, unary('exp', 'm', 'z')]],
    ['a product that is fetched', {}, both, ['y', 'm']],
    ['a product that is kept', { m: { kept: true, shape: [2, 4] } }, both],
    ['a product that is added to itself', {}, [mul('x', 'w', 'm'), add('m', 'm', 'y')]],
    ['a weight matrix that is fed', { w: { fed: true, shape: [3, 4] } }, both],
    ['a bias that is fed', { b: { fed: true, shape: [4] } }, both],
    ['a bias for each row', { x: { fed: true, shape: [4, 3] }, b: { kept: true, shape: [4, 1] } }, both],
    [
      'a vector for each row by its axis',
      { x: { fed: true, shape: [4, 3] } },
      [mul('x', 'w', 'm'), add('m', 'b', 'y', 0)],
    ],
    ['one bias for all columns', { b: { kept: true, shape: [1] } }, both],
    ['a bias as large as the result', { b: { kept: true, shape: [2, 4] }, x: { fed: true, shape: [2, 3] } }, both],
    [
      'a turned weight matrix',
      { w: { kept: true, shape: [4, 3] } },
      [matmul('x', 'w', 'm', { trans_y: true }), add('m', 'b', 'y')],
    ],
    [
      'a turned input',
      { x: { fed: true, shape: [3, 2] } },
      [matmul('x', 'w', 'm', { trans_x: true }), add('m', 'b', 'y')],
    ],
    ['a vector as input', { x: { fed: true, shape: [3] } }, [matmul('x', 'w', 'm'), add('m', 'b', 'y')]],
    [
      'a stack of weight matrices',
      { w: { kept: true, shape: [2, 3, 4] }, x: { fed: true, shape: [2, 5, 3] } },
      [matmul('x', 'w', 'm'), add('m', 'b', 'y')],
    ],
    [
      'a weight that is written in between',
      {},
      [mul('x', 'w', 'm'), unary('scale', 'w', 'w', { scale: 2 }), add('m', 'b', 'y')],
    ],
    [
      'an input that is written in between',
      {},
      [mul('x', 'w', 'm'), unary('scale', 'x', 'x', { scale: 2 }), add('m', 'b', 'y')],
    ],
    ['a sum in the place of the product', {}, [mul('x', 'w', 'm'), add('m', 'b', 'm'), unary('exp', 'm', 'y')]],
    [
      'halves, which are rounded after each operator',
      Object.fromEntries(Object.entries(LAYER).map(([name, desc]) => [name, { ...desc, dtype: 'float16' as DType }])),
      both,
    ],
  ])('leaves %s', (_, vars, lines, fetch = ['y']) => {
    const made = program({ ...LAYER, ...vars }, lines)
    expect(run(made, 'fc_fuse', fetch)).toBe(made)
  })

  test('leaves a program whose library has no fc, and one into which another back end has fused something', () => {
    const library = { ...standardOps, fc: { ...standardOps.fc } }
    const own = new StandardProgram(library as never)
    const fused = program(LAYER, both)
    for (const { name, shape, persistable } of fused.globalBlock().vars.values())
      own.globalBlock().createVar({ name, shape, persistable })
    for (const { type, inputs, outputs, attrs } of fused.globalBlock().ops)
      own.globalBlock().appendOp({ type, inputs, outputs, attrs: { ...attrs } })
    expect(optimize(own, { passes: ['fc_fuse'], fetch: ['y'] }).program).toBe(own)
    fused.globalBlock().setAttr(fused.globalBlock().ops[1]!, 'fuse_activation', 'relu')
    expect(optimize(fused, { passes: ['fc_fuse'], fetch: ['y'] }).program).toBe(fused)
  })

  test('is linear: 3,000 layers', () => {
    const lines = Array.from({ length: 3000 }, (_, i): Line[] => [
      mul(`h${i}`, 'w', `m${i}`),
      add(`m${i}`, 'b', `a${i}`),
      unary('relu', `a${i}`, `h${i + 1}`),
    ])
    const made = program(
      { h0: { fed: true, shape: [-1, 4] }, w: { kept: true, shape: [4, 4] }, b: { kept: true, shape: [4] } },
      lines.flat(),
    )
    const began = performance.now()
    expect(text(run(made, ALL, ['h3000']))).toHaveLength(3000)
    expect(performance.now() - began).toBeLessThan(8000)
  })
})

const biased = [conv('x', 'w', 't', PAD), add('t', 'b', 'a', 1)]

describe('the passes for convolutions', () => {
  test.each<[string, Vars, string, Line[], string[], object]>([
    [
      'relu',
      {},
      'conv_elementwise_add_act_fuse',
      [...biased, unary('relu', 'a', 'y')],
      ['y = fused_conv2d_add_act(b w x)'],
      { activation: 'relu', paddings: [1, 1] },
    ],
    ...['sigmoid', 'tanh', 'swish'].map((type): [string, Vars, string, Line[], string[], object] => [
      type,
      {},
      'conv_elementwise_add_act_fuse',
      [...biased, unary(type, 'a', 'y')],
      ['y = fused_conv2d_add_act(b w x)'],
      { activation: type },
    ]),
    [
      'leaky_relu',
      {},
      'conv_elementwise_add_act_fuse',
      [...biased, unary('leaky_relu', 'a', 'y', { alpha: 0.25 })],
      ['y = fused_conv2d_add_act(b w x)'],
      { activation: 'leaky_relu', fuse_alpha: 0.25 },
    ],
    [
      'groups',
      { w: { kept: true, shape: [4, 2, 3, 3] } },
      'conv_elementwise_add_act_fuse',
      [conv('x', 'w', 't', { groups: 2, ...PAD }), add('t', 'b', 'a', 1), unary('relu', 'a', 'y')],
      ['y = fused_conv2d_add_act(b w x)'],
      { groups: 2 },
    ],
    [
      'depthwise',
      {},
      'conv_elementwise_add_act_fuse',
      [conv('x', 'd', 't', { groups: 4, ...PAD }, 'depthwise_conv2d'), add('t', 'b', 'a', 1), unary('relu', 'a', 'y')],
      ['y = fused_conv2d_add_act(b d x)'],
      { groups: 4 },
    ],
    [
      'channels last',
      { x: { fed: true, shape: [-1, 5, 5, 4] } },
      'conv_elementwise_add_act_fuse',
      [conv('x', 'w', 't', { data_format: 'NHWC', ...PAD }), add('t', 'b', 'a'), unary('relu', 'a', 'y')],
      ['y = fused_conv2d_add_act(b w x)'],
      { data_format: 'NHWC' },
    ],
    [
      'a bias of [1, C, 1, 1]',
      { b: { kept: true, shape: [1, 4, 1, 1] } },
      'conv_elementwise_add_fuse',
      [conv('x', 'w', 't', PAD), add('t', 'b', 'y')],
      ['y = fused_conv2d_add_act(b w x)'],
      { activation: 'identity' },
    ],
    [
      'a bias of [C, 1, 1]',
      { b: { kept: true, shape: [4, 1, 1] } },
      'conv_elementwise_add_fuse',
      [conv('x', 'w', 't', PAD), add('t', 'b', 'y')],
      ['y = fused_conv2d_add_act(b w x)'],
      {},
    ],
    [
      'another activation stays',
      {},
      CONV_PASSES,
      [...biased, unary('hard_swish', 'a', 'y')],
      ['a = fused_conv2d_add_act(b w x)', 'y = hard_swish(a)'],
      { activation: 'identity' },
    ],
    [
      'a residual and relu',
      { x: { fed: true, shape: [2, 4, 5, 5] } },
      'conv_elementwise_add2_act_fuse',
      [...biased, add('r', 'a', 's'), unary('relu', 's', 'y')],
      ['y = fused_conv2d_add_act(b w x r)'],
      { activation: 'relu' },
    ],
    [
      'a residual on the other side',
      { x: { fed: true, shape: [2, 4, 5, 5] } },
      'conv_elementwise_add2_act_fuse',
      [...biased, add('a', 'r', 's'), unary('relu', 's', 'y')],
      ['y = fused_conv2d_add_act(b w x r)'],
      {},
    ],
    [
      'a residual and no activation',
      {},
      CONV_PASSES,
      [...biased, add('x', 'a', 's'), unary('exp', 's', 'y')],
      ['s = fused_conv2d_add_act(b w x x)', 'y = exp(s)'],
      { activation: 'identity' },
    ],
    [
      'a residual that is made after the convolution',
      {},
      CONV_PASSES,
      [...biased, unary('exp', 'x', 'u'), add('u', 'a', 's'), unary('relu', 's', 'y')],
      ['u = exp(x)', 'y = fused_conv2d_add_act(b w x u)'],
      { activation: 'relu' },
    ],
    [
      'two convolutions: the one in Y takes the other',
      {},
      CONV_PASSES,
      [...biased, conv('x', 'v', 'u'), add('u', 'c', 'e', 1), add('a', 'e', 's'), unary('relu', 's', 'y')],
      ['a = fused_conv2d_add_act(b w x)', 'y = fused_conv2d_add_act(c v x a)'],
      {},
    ],
  ])('%s', (_, vars, passes, lines, wanted, attrs) => {
    const after = run(program({ ...IMAGE, ...vars }, lines), passes)
    expect(text(after)).toEqual(wanted)
    expect(after.globalBlock().ops.findLast(({ type }) => type === 'fused_conv2d_add_act')!.attrs).toMatchObject(attrs)
  })

  test('the slope of a leaky_relu that does not state it', () => {
    const made = program(IMAGE, [...biased, unary('leaky_relu', 'a', 'y')])
    for (const each of [made, Program.from(made.toJSON()), Program.from(made.toProto())]) {
      const [fused] = run(each, CONV_PASSES).globalBlock().ops
      expect(fused!.attrs).toMatchObject({ activation: 'leaky_relu', fuse_alpha: Math.fround(0.02) })
    }
  })

  const open = { fed: true, shape: [-1, 4, 5, 5] } as const
  const summed = [...biased, add('r', 'a', 's'), unary('relu', 's', 'y')]
  test.each<[string, Vars, Line[], string[]?]>([
    ['a convolution that others read', {}, [...biased, unary('exp', 't', 'y')], ['y', 'a']],
    ['a convolution that is fetched', {}, biased, ['a', 't']],
    ['a bias that is fed', { b: { fed: true, shape: [4] } }, biased, ['a']],
    ['one bias for all filters', { b: { kept: true, shape: [1] } }, biased, ['a']],
    [
      'a bias for each column',
      { b: { kept: true, shape: [5] } },
      [conv('x', 'w', 't', PAD), add('t', 'b', 'a', -1)],
      ['a'],
    ],
    ['a bias for each element', { b: { kept: true, shape: [4, 5, 5] } }, biased, ['a']],
    [
      'a filter that is written in between',
      {},
      [conv('x', 'w', 't', PAD), unary('scale', 'w', 'w', { scale: 2 }), add('t', 'b', 'a', 1)],
      ['a'],
    ],
    ['a result in the place of the input', {}, [conv('x', 'w', 't', PAD), add('t', 'b', 'x', 1)], ['x']],
    ['a convolution without a bias', {}, [conv('x', 'w', 't', PAD), unary('relu', 't', 'y')]],
    ['a transposed convolution', {}, [conv('x', 'w', 't', {}, 'conv2d_transpose'), add('t', 'b', 'y', 1)]],
  ])('leave %s', (_, vars, lines, fetch = ['y']) => {
    const made = program({ ...IMAGE, ...vars }, lines)
    expect(run(made, CONV_PASSES, fetch)).toBe(made)
  })

  test.each<[string, Vars]>([
    ['of another feed, which may have one image', { x: open, r: open }],
    ['of one image where the batch is open', { x: open, r: { fed: true, shape: [1, 4, 5, 5] } }],
    [
      'that is repeated over the planes',
      { x: { fed: true, shape: [2, 4, 5, 5] }, r: { fed: true, shape: [2, 4, 1, 1] } },
    ],
    ['that is larger', { x: { fed: true, shape: [1, 4, 5, 5] } }],
  ])('leave a residual %s: it may have another shape than the convolution', (_, vars) => {
    const made = program({ ...IMAGE, ...vars }, summed)
    expect(run(made, 'conv_elementwise_add2_act_fuse')).toBe(made)
  })

  test('a residual whose batch is that of the input, through several operators', () => {
    const lines: Line[] = [
      ['pool2d', { X: ['x'] }, { Out: ['p'] }, { pooling_type: 'max', ksize: [3, 3], paddings: [1, 1] }],
      ...biased,
      ['reshape2', { X: ['p'] }, { Out: ['q'], XShape: ['qs'] }, { shape: [0, 4, 25] }],
      ['reshape2', { X: ['q'] }, { Out: ['u'], XShape: ['us'] }, { shape: [-1, 4, 5, 5] }],
      add('u', 'a', 's'),
      unary('relu', 's', 'y'),
    ]
    const after = run(program({ ...IMAGE, x: open }, lines), 'conv_elementwise_add2_act_fuse')
    expect(text(after).at(-1)).toBe('y = fused_conv2d_add_act(b w x u)')
  })
})

/** What two programs give for the same feeds and values, on each engine. */
function expectSameBits(made: Program, after: Program, batch: number, seed: number): void {
  for (const [backend, engine, threads] of ENGINES) {
    const [old, now] = [made, after].map((each) => {
      const random = new Random(seed)
      const executor = new Executor({ backend, engine, threads })
      const feed: Record<string, Tensor> = {}
      for (const { name, shape, persistable, needCheckFeed } of made.globalBlock().vars.values()) {
        const value = (): Tensor => random.floats(shape.map((dim) => (dim < 0 ? batch : dim)))
        if (persistable) executor.scope.set(name, value())
        else if (needCheckFeed) feed[name] = value()
      }
      const used = new Set(each.globalBlock().ops.flatMap((op) => op.inputNames()))
      const given = Object.fromEntries(Object.entries(feed).filter(([name]) => used.has(name)))
      const [value] = executor.run(each, { feed: given, fetch: ['y'] }) as [Tensor]
      if (backend === 'wasm' && engine === 'plan')
        expect(executor.lastRun!.compiledOps).toBe(each.globalBlock().ops.length)
      executor.dispose()
      return value
    })
    expect(differentValues(old, now!), `${backend} ${engine} ${threads}`).toBeUndefined()
  }
}

describe('the same bits as before, on both back ends, with any engine and number of threads', () => {
  /** Also more depth than one block of a product sums, and more work than one thread does alone. */
  test.each([
    [1, 1, 1],
    [3, 7, 5],
    [2, 700, 9],
    [67, 130, 66],
    [9, 515, 33],
  ])('fc of %i rows, depth %i, %i columns', (rows, depth, columns) => {
    for (const ends of [[], ['relu']]) {
      const lines = [
        matmul('x', 'w', 'm'),
        add('m', 'b', ends.length === 0 ? 'y' : 'a'),
        ...ends.map((type) => unary(type, 'a', 'y')),
      ]
      const made = program(
        {
          x: { fed: true, shape: [-1, depth] },
          w: { kept: true, shape: [depth, columns] },
          b: { kept: true, shape: [columns] },
        },
        lines,
      )
      const after = run(made, 'fc_fuse')
      expect(text(after)).toEqual(['y = fc(b x w)'])
      expectSameBits(made, after, rows, depth)
    }
  })

  test.each<[string, readonly number[], readonly number[], object, string]>([
    ['columns', [3, 9, 11], [5, 3, 3, 3], PAD, 'conv2d'],
    ['columns deeper than a block of sums', [70, 6, 7], [5, 70, 3, 3], PAD, 'conv2d'],
    ['enough for two threads', [16, 30, 41], [24, 16, 3, 3], { strides: [2, 1], paddings: [1, 1] }, 'conv2d'],
    ['pointwise', [33, 7, 9], [20, 33, 1, 1], {}, 'conv2d'],
    ['pointwise deeper than a block of sums', [600, 4, 5], [7, 600, 1, 1], {}, 'conv2d'],
    ['planes of one element', [13, 1, 1], [7, 13, 1, 1], {}, 'conv2d'],
    ['groups', [6, 8, 9], [9, 2, 3, 3], { groups: 3 }, 'conv2d'],
    ['depthwise', [5, 12, 23], [5, 1, 5, 5], { groups: 5, paddings: [2, 2] }, 'depthwise_conv2d'],
  ])('%s, with every activation and with a residual', (_, image, filter, attrs, type) => {
    const [channels] = filter as [number]
    const vars: Vars = {
      x: { fed: true, shape: [2, ...image] },
      w: { kept: true, shape: filter },
      b: { kept: true, shape: [channels] },
    }
    const start = [conv('x', 'w', 't', attrs, type), add('t', 'b', 'a', 1)]
    const shape = program(vars, start).globalBlock().vars.get('a')!.shape
    for (const [i, end] of ['identity', 'relu', 'sigmoid', 'tanh', 'swish', 'leaky_relu'].entries()) {
      for (const residual of [false, true]) {
        const lines = [...start, ...(residual ? [add('r', 'a', 's')] : [])]
        const sum = residual ? 's' : 'a'
        lines.push(end === 'identity' ? unary('hard_swish', sum, 'y') : unary(end, sum, 'y'))
        const made = program({ ...vars, ...(residual ? { r: { fed: true, shape } } : {}) }, lines)
        const after = run(made, CONV_PASSES)
        expect(after.globalBlock().ops[0]!.attrs['activation']).toBe(end)
        expect(after.globalBlock().ops).toHaveLength(end === 'identity' ? 2 : 1)
        expectSameBits(made, after, 2, i + 1)
      }
    }
  })

  test('float64 runs by TypeScript kernels', () => {
    const wide = { dtype: 'float64' } as const
    const vars: Vars = {
      x: { ...wide, fed: true, shape: [2, 3] },
      w: { ...wide, kept: true, shape: [3, 4] },
      b: { ...wide, kept: true, shape: [4] },
    }
    const made = program(vars, [mul('x', 'w', 'm'), add('m', 'b', 'a'), unary('relu', 'a', 'y')])
    const after = run(made, 'fc_fuse')
    expect(text(after)).toEqual(['y = fc(b x w)'])
    const values = { w: Array.from({ length: 12 }, (_, i) => Math.sin(i)), b: [0.1, -0.2, 0.3, -0.4] }
    const [old, now] = [made, after].map((each) => {
      const executor = new Executor()
      executor.scope.set('w', tensor(values.w, 'float64', [3, 4]))
      executor.scope.set('b', tensor(values.b, 'float64'))
      return executor.run(each, { feed: { x: tensor([1, 2, 3, -4, 5.5, -6], 'float64', [2, 3]) }, fetch: ['y'] })[0]
    })
    expect(differentValues(old, now)).toBeUndefined()
  })

  test('of halves the operators round once, at their end', () => {
    const made = program(
      {
        x: { fed: true, dtype: 'float16' },
        w: { fed: true, dtype: 'float16', shape: [3, 4] },
        b: { fed: true, dtype: 'float16', shape: [4] },
      },
      [['fc', { Input: ['x'], W: ['w'], Bias: ['b'] }, { Out: ['y'] }, { activation_type: 'relu' }]],
    )
    const random = new Random(3)
    const half = {
      x: toHalf(random.floats([2, 3]), 'float16'),
      w: toHalf(random.floats([3, 4]), 'float16'),
      b: toHalf(random.floats([4]), 'float16'),
    }
    const at = (value: Tensor, i: number): number => Number(value.at(i))
    for (const backend of ['ts', 'wasm'] as const) {
      const [got] = new Executor({ backend }).run(made, { feed: half, fetch: ['y'] }) as [Tensor]
      for (let i = 0; i < 8; i++) {
        const [row, column] = [i >> 2, i & 3]
        const sum = [0, 1, 2].reduce(
          (total, k) => total + at(half.x, 3 * row + k) * at(half.w, 4 * k + column),
          at(half.b, column),
        )
        expect(Math.abs(at(got, i) - Math.max(0, sum))).toBeLessThanOrEqual(2 ** -11 * Math.abs(sum) + 1e-6)
      }
    }
  })
})
