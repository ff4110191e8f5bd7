/**
 * What the recorded cases leave open for the operators of src/ops/nn: more layouts, paddings, layers and errors recorded from Paddle 2.6.2 in
 * test/golden/ops_nn, what is refused although Paddle accepts it, half precision, and gradients that Paddle gets wrong.
 */
import { describe, expect, it } from 'vitest'
import { EnforceError, InvalidArgumentError } from '../../src/errors.ts'
import { Executor } from '../../src/executor/executor.ts'
import { Program } from '../../src/framework/program.ts'
import { ops } from '../../src/ops/index.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { readGolden } from '../golden.ts'
import { type GoldenCase, runGoldenCase } from './golden_case.ts'
import { checkGradient } from './gradient_check.ts'

describe('more cases of Paddle 2.6.2', () => {
  const cases = readGolden<GoldenCase[]>('ops_nn/paddle_2.6.2.jsonl.gz')
  it.each(cases.map((golden) => [`${golden.op}/${golden.name}`, golden] as const))('%s', (_, golden) => {
    expect(runGoldenCase(golden)).toEqual([])
  })
})

describe('gradients of both directions with sequence lengths are those of differences, which Paddle misses', () => {
  const cases = readGolden<GoldenCase[]>('ops_nn/by_differences.jsonl.gz')
  it.each(cases.map((golden) => [golden.name, golden] as const))('%s', (_, golden) => {
    expect(checkGradient(golden, undefined)).toEqual([])
  })
})

type Inputs = Readonly<Record<string, Tensor>>

/** Runs one operator and gives the outputs asked for; `over` writes an output over an input. */
function run(
  type: string,
  given: Inputs,
  attrs: Record<string, unknown>,
  slots: readonly string[],
  over: Readonly<Record<string, string>> = {},
): Tensor[] {
  const program = new Program(ops)
  const block = program.globalBlock()
  const executor = new Executor()
  for (const [name, value] of Object.entries(given)) {
    block.createVar({ name, dtype: value.dtype, shape: value.shape, persistable: true })
    executor.scope.set(name, value)
  }
  const outputs: Record<string, string> = { ...over }
  for (const slot of slots) outputs[slot] ??= block.createVar({ name: `${slot}_out`, persistable: true }).name
  const inputs = Object.fromEntries(Object.keys(given).map((slot) => [slot, slot]))
  block.appendOp({ type, inputs, outputs, attrs })
  return executor.run(program, { fetch: slots.map((slot) => outputs[slot]!) }) as Tensor[]
}

const ramp = (...shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
    'float32',
    shape,
  )

describe('what Paddle accepts without a meaning is refused', () => {
  const X = ramp(1, 4, 5, 5)
  const Filter = ramp(4, 4, 3, 3)
  const four = ramp(4)
  const normal = { X, Scale: four, Bias: four }
  it.each([
    ['conv2d', { Input: X, Filter }, { data_format: 'NCDHW' }],
    ['conv2d', { Input: X, Filter }, { padding_algorithm: 'HALF' }],
    ['conv2d', { Input: X, Filter: ramp(4, 4, 7, 7) }, {}],
    ['conv2d_transpose', { Input: X, Filter: ramp(4, 2, 3, 3) }, { groups: 3 }],
    ['conv2d_transpose', { Input: X, Filter }, { dilations: [0, 1] }],
    ['pool2d', { X }, { ksize: [2, 2] }],
    ['pool2d', { X }, { ksize: [2, 2], pooling_type: 'min' }],
    ['pool2d', { X }, { ksize: [0, 2], pooling_type: 'max' }],
    ['group_norm', normal, { groups: 2, data_layout: 'CHWN' }],
    ['bilinear_interp_v2', { X }, { out_h: 2, out_w: 2, interp_method: 'spline' }],
    ['grid_sampler', { X, Grid: ramp(1, 2, 2, 2) }, { mode: 'bicubic' }],
    ['grid_sampler', { X, Grid: ramp(1, 2, 2, 2) }, { padding_mode: 'wrap' }],
    ['pad3d', { X: ramp(1, 1, 2, 2, 2) }, { paddings: [1, 1, 1, 1, 1, 1], mode: 'wrap' }],
    ['label_smooth', { X }, { epsilon: 1.5 }],
    ['label_smooth', { X: ramp(2, 3), PriorDist: ramp(1, 2) }, { epsilon: 0.1 }],
  ] as [string, Inputs, Record<string, unknown>][])('%s: %#', (type, given, attrs) => {
    const [out] = Object.keys(ops[type as keyof typeof ops].outputs)
    expect(() => run(type, given, attrs, [out!])).toThrow(InvalidArgumentError)
  })
})

describe('batch_norm', () => {
  const given = {
    X: tensor(
      [
        [1, 10],
        [3, 30],
      ].flat(),
      'float16',
      [2, 2],
    ),
    Scale: tensor([1, 2]),
    Bias: tensor([0, 1]),
    Mean: tensor([0, 0]),
    Variance: tensor([1, 1]),
  }
  const over = { MeanOut: 'Mean', VarianceOut: 'Variance' }
  it('takes halves with float32 parameters and keeps float32 statistics, without ReserveSpace', () => {
    const [y, mean, saved] = run(
      'batch_norm',
      given,
      { momentum: 0.75 },
      ['Y', 'MeanOut', 'SavedMean', 'SavedVariance'],
      over,
    )
    expect(y!.dtype).toBe('float16')
    expect((y!.toArray() as number[][]).map((row) => row.map((value) => Math.round(value * 100) / 100))).toEqual([
      [-1, -1],
      [1, 3],
    ])
    expect([mean!.dtype, mean!.toArray()]).toEqual(['float32', [0.5, 5]])
    expect(saved!.toArray()).toEqual([2, 20])
  })
  it('refuses moving averages in other variables', () => {
    expect(() =>
      run('batch_norm', given, {}, ['Y', 'SavedMean', 'SavedVariance'], { ...over, MeanOut: 'Scale' }),
    ).toThrow(/MeanOut must be the variable of Mean/)
  })
  it('has no SavedMean in testing', () => {
    expect(() => run('batch_norm', given, { is_test: true }, ['Y', 'SavedMean'], over)).toThrow(EnforceError)
  })
})

it('nearest_interp_v2 and pad copy int64 beyond 2^53', () => {
  const big = tensor([2n ** 60n + 1n, -5n], 'int64', [1, 1, 1, 2])
  const attrs = { interp_method: 'nearest', out_h: 1, out_w: 4, align_corners: false }
  expect(run('nearest_interp_v2', { X: big }, attrs, ['Out'])[0]!.toArray()).toEqual([
    [[[2n ** 60n + 1n, 2n ** 60n + 1n, -5, -5]]],
  ])
  const padded = run('pad', { X: tensor([2n ** 60n + 1n], 'int64') }, { paddings: [1, 0], pad_value: 7.9 }, ['Out'])
  expect(padded[0]!.toArray()).toEqual([7, 2n ** 60n + 1n])
})
