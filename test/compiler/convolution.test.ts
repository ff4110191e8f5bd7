/**
 * Compiled convolutions against the TypeScript kernels, which sum in float64, over random shapes. A float32 sum of K products
 * is off by at most K + 1 halves of a unit in the last place of the sum of their magnitudes; that is what the same call on magnitudes gives.
 */
import { describe, expect, test } from 'vitest'
import type { AttrValue } from '../../src/framework/attr.ts'
import {
  absolute,
  describeCall,
  EPSILON,
  type OperatorCall,
  outOfBounds,
  randomNumbers,
  randomTensor,
  runCompiled,
  runOperator,
} from './both_backends.ts'

interface Shapes {
  readonly type: 'conv2d' | 'depthwise_conv2d'
  readonly input: readonly [number, number, number, number]
  readonly filter: readonly [number, number, number, number]
  readonly attrs: Readonly<Record<string, AttrValue>>
}

function expectClose(call: OperatorCall, terms: (slot: string) => number): void {
  const got = runCompiled(call)
  const expected = runOperator(call, 'ts').results
  const magnitudes = runOperator(
    { ...call, inputs: Object.fromEntries(Object.entries(call.inputs).map(([slot, x]) => [slot, absolute(x)])) },
    'ts',
  ).results
  for (const slot of call.outputs) {
    const factor = (terms(slot) + 1) * EPSILON
    expect(
      outOfBounds(got[slot]!, expected[slot]!, (i) => factor * magnitudes[slot]![i]!),
      `${slot} of ${describeCall(call)}`,
    ).toEqual([])
  }
}

function checkConvolution({ type, input, filter, attrs }: Shapes, seed: number): void {
  const random = randomNumbers(seed)
  const inputs = { Input: randomTensor(random, input), Filter: randomTensor(random, filter) }
  const forward = { type, inputs, attrs, outputs: ['Output'] }
  const perWindow = filter[1] * filter[2] * filter[3]
  expectClose(forward, () => perWindow)
}

const explicit = (strides: number[], paddings: number[], dilations = [1, 1], groups = 1) => ({
  strides,
  paddings,
  dilations,
  groups,
})

describe('convolutions', () => {
  test.each([
    ['pointwise', { type: 'conv2d', input: [3, 5, 7, 9], filter: [6, 5, 1, 1], attrs: explicit([1, 1], [0, 0]) }],
    ['one image', { type: 'conv2d', input: [1, 33, 5, 5], filter: [20, 33, 1, 1], attrs: explicit([1, 1], [0, 0]) }],
    ['planes of one', { type: 'conv2d', input: [9, 13, 1, 1], filter: [7, 13, 1, 1], attrs: explicit([1, 1], [0, 0]) }],
    ['one number', { type: 'conv2d', input: [1, 1, 1, 1], filter: [1, 1, 1, 1], attrs: explicit([1, 1], [0, 0]) }],
    [
      'more depth than a panel',
      { type: 'conv2d', input: [1, 130, 6, 5], filter: [5, 130, 3, 3], attrs: explicit([1, 1], [1, 1]) },
    ],
    ['many filters', { type: 'conv2d', input: [2, 4, 6, 6], filter: [1100, 4, 3, 3], attrs: explicit([2, 1], [1, 1]) }],
    [
      'several blocks of rows',
      { type: 'conv2d', input: [1, 16, 50, 60], filter: [5, 16, 3, 3], attrs: explicit([1, 1], [1, 1]) },
    ],
    [
      'blocks of unequal size',
      { type: 'conv2d', input: [2, 16, 47, 61], filter: [3, 16, 5, 5], attrs: explicit([1, 2], [2, 2]) },
    ],
    [
      'depthwise of long rows',
      {
        type: 'depthwise_conv2d',
        input: [2, 3, 9, 96],
        filter: [3, 1, 5, 5],
        attrs: explicit([2, 1], [2, 2], [1, 1], 3),
      },
    ],
    [
      'padding beyond the filter',
      {
        type: 'depthwise_conv2d',
        input: [1, 2, 3, 2],
        filter: [2, 1, 2, 2],
        attrs: explicit([1, 1], [4, 5], [1, 1], 2),
      },
    ],
    [
      'negative paddings',
      { type: 'conv2d', input: [1, 2, 9, 9], filter: [2, 2, 3, 3], attrs: explicit([1, 1], [-1, 2, 0, -2]) },
    ],
  ] satisfies [string, Shapes][])('%s', (_, shapes) => checkConvolution(shapes, 1))

  test('random shapes, strides, paddings, dilations and groups', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomNumbers(seed)
      const pick = (from: number, to: number): number => from + Math.floor(((random() + 1) / 2) * (to - from + 1))
      const kernels = [pick(1, 5), pick(1, 5)] as const
      const dilations = [pick(1, 2), pick(1, 3)]
      const paddings = random() < 0 ? [pick(0, 3), pick(0, 3)] : [pick(0, 3), pick(0, 3), pick(0, 3), pick(0, 3)]
      const strides = [pick(1, 3), pick(1, 4)]
      const groups = pick(1, 4)
      const perGroup = random() < 0 ? 1 : pick(1, 5)
      const reach = (i: 0 | 1): number => dilations[i]! * (kernels[i] - 1) + 1
      checkConvolution(
        {
          type: random() < 0 ? 'conv2d' : 'depthwise_conv2d',
          input: [pick(1, 3), groups * perGroup, reach(0) + pick(0, 14), reach(1) + pick(0, 30)],
          filter: [groups * pick(1, 4), perGroup, ...kernels],
          attrs: { strides, paddings, dilations, groups },
        },
        seed,
      )
    }
  })
})
