/**
 * Bias, activation and residual become the end of the product or convolution before them in the WASM back end, when a plan is made. No pass
 * does that: Paddle's operators for it (fc, fused_conv2d_add_act) need no kernels here. The interpreter compiles every operator alone and is
 * what the fused kernels are compared with.
 */
import { describe, expect, test } from 'vitest'
import { Profiler } from '../../src/compiler/profiler.ts'
import { Executor, type Program, tensor } from '../../src/index.ts'
import { Program as StandardProgram } from '../../src/modes/static.ts'
import { sameBits } from '../../src/tensor/same_bits.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

type Line = readonly [type: string, inputs: Record<string, string>, output: string, attrs?: object]

function program(shapes: Readonly<Record<string, readonly number[]>>, lines: readonly Line[]): Program {
  const made = new StandardProgram()
  const block = made.globalBlock()
  for (const [name, shape] of Object.entries(shapes)) block.createVar({ name, shape, needCheckFeed: true })
  for (const [type, inputs, output, attrs = {}] of lines) {
    const slot = type === 'conv2d' ? 'Output' : 'Out'
    block.appendOp({ type, inputs, outputs: { [slot]: output }, attrs: { ...attrs } })
  }
  return made
}

const PRODUCT = { x: [5, 7], w: [7, 6], b: [6], r: [5, 6] }
const IMAGE = { x: [2, 3, 6, 6], w: [4, 3, 3, 3], b: [4], r: [2, 4, 6, 6] }
const conv: Line = ['conv2d', { Input: 'x', Filter: 'w' }, 'c', { paddings: [1, 1] }]

describe('one kernel for', () => {
  test.each([
    [
      'product, bias and relu',
      PRODUCT,
      [
        ['matmul_v2', { X: 'x', Y: 'w' }, 'c'],
        ['elementwise_add', { X: 'c', Y: 'b' }, 'd'],
        ['relu', { X: 'd' }, 'y'],
      ],
    ],
    [
      'product, bias, residual and relu',
      PRODUCT,
      [
        ['mul', { X: 'x', Y: 'w' }, 'c'],
        ['elementwise_add', { X: 'c', Y: 'b' }, 'd'],
        ['elementwise_add', { X: 'd', Y: 'r' }, 'e'],
        ['relu', { X: 'e' }, 'y'],
      ],
    ],
    [
      'convolution, bias and relu',
      IMAGE,
      [conv, ['elementwise_add', { X: 'c', Y: 'b' }, 'd', { axis: 1 }], ['relu', { X: 'd' }, 'y']],
    ],
    [
      'convolution, bias, residual and relu',
      IMAGE,
      [
        conv,
        ['elementwise_add', { X: 'c', Y: 'b' }, 'd', { axis: 1 }],
        ['elementwise_add', { X: 'd', Y: 'r' }, 'e'],
        ['relu', { X: 'e' }, 'y'],
      ],
    ],
  ] as const)('%s, with the bits of each alone', (_, shapes, lines) => {
    const made = program(shapes, lines as unknown as readonly Line[])
    let draw = 0
    const feed = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => {
        const count = shape.reduce((size, dim) => size * dim, 1)
        return [
          name,
          tensor(
            Array.from({ length: count }, () => Math.sin(++draw * 78.233)),
            'float32',
            shape,
          ),
        ]
      }),
    )
    const profiler = new Profiler()
    const executor = new Executor({ backend: 'wasm', observer: profiler })
    profiler.start()
    const [fused] = executor.run(made, { feed, fetch: ['y'] }) as [Tensor]
    expect(profiler.report().units).toMatchObject([{ types: lines.map(([type]) => type), compiled: true }])
    const [alone] = new Executor({ backend: 'wasm', engine: 'interpreter' }).run(made, { feed, fetch: ['y'] }) as [
      Tensor,
    ]
    expect(sameBits(fused, alone)).toBe(true)
  })
})
