/** Layers over images and normalisation: the programs that Paddle 2.6.2 recorded and the names that its layers give, and both modes alike. */
import { fileURLToPath } from 'node:url'
import { describe, expect, it, test } from 'vitest'
import { comparePrograms } from '../../src/framework/diff.ts'
import {
  build,
  EnforceError,
  Executor,
  input,
  nn,
  type ParameterTensor,
  seed,
  type Tensor,
  tensor,
  type Variable,
} from '../../src/index.ts'
import { Recording } from '../../tools/replay/recording.ts'

const { functional } = nn
const FOLDER = fileURLToPath(new URL('../golden/programs/', import.meta.url))

/** The models of make_programs.py. */
const MODELS: Readonly<Record<string, () => Variable>> = {
  lenet: () => {
    const img = input('img', [null, 1, 14, 14])
    const y = input('y', [null, 1], 'int64')
    const first = functional.staticConv2d(img, 4, 5, { padding: 2, activation: 'relu' })
    const pooled = functional.maxPool2d(first, 2, { stride: 2 })
    const second = functional.staticConv2d(pooled, 8, 3, { activation: 'relu' })
    const features = functional.fc(functional.avgPool2d(second, 2, { stride: 1 }), 16, { activation: 'relu' })
    const logits = functional.fc(features, 5)
    const loss = functional.mean(functional.crossEntropy(logits, y))
    functional.accuracy(functional.softmax(logits), y)
    return loss
  },
  batch_norm: () => {
    const img = input('img', [null, 2, 6, 6])
    const y = input('y', [null, 1], 'int64')
    const conv = functional.staticConv2d(img, 3, 3, { biasAttr: false })
    const normal = functional.staticBatchNorm(conv, { activation: 'relu', momentum: 0.8 })
    return functional.mean(functional.softmaxWithCrossEntropy(functional.fc(normal, 3), y))
  },
}

test.each(Object.entries(MODELS))('%s written in TypeScript is what Paddle recorded', (name, net) => {
  const recording = new Recording(`${FOLDER}${name}`)
  const { main, startup } = build(net, { seed: recording.meta.random_seed })
  expect(comparePrograms(recording.program('main_before_backward')!, main)).toEqual([])
  expect(comparePrograms(recording.program('startup_before_backward')!, startup)).toEqual([])
  expect(comparePrograms(recording.program('test')!, main.clone({ forTest: true }))).toEqual([])
  for (const [key, next] of Object.entries(recording.meta.unique_names_before_backward!)) {
    expect(main.names.count(key), `counter ${key}`).toBe(next)
  }
})

const image = (...shape: (number | null)[]): Variable => input('x', [null, ...shape])

/** Layer, the operators with the variables they write, and the shape of the result, as Paddle 2.6.2 gives them. */
const LAYERS: readonly [string, () => Variable, readonly string[], readonly number[]][] = [
  [
    'Conv2D',
    () => new nn.Conv2D(3, 8, 3, { padding: 1, stride: 2 }).forward(image(3, 8, 8)),
    [
      'conv2d: Output=conv2d_1.tmp_0',
      'reshape2: Out=reshape2_0.tmp_0 XShape=reshape2_0.tmp_1',
      'elementwise_add: Out=conv2d_1.tmp_1',
      'gaussian_random: Out=conv2d_0.w_0',
      'fill_constant: Out=conv2d_0.b_0',
    ],
    [-1, 8, 4, 4],
  ],
  [
    'Conv2D with a filter for each channel',
    () => new nn.Conv2D(4, 8, [3, 5], { groups: 4, biasAttr: false, padding: 'SAME' }).forward(image(4, 8, 8)),
    ['depthwise_conv2d: Output=depthwise_conv2d_0.tmp_0', 'gaussian_random: Out=conv2d_0.w_0'],
    [-1, 8, 8, 8],
  ],
  [
    'MaxPool2D',
    () => new nn.MaxPool2D(2, { stride: 3, padding: 1, ceilMode: true }).forward(image(4, 8, 8)),
    ['pool2d: Out=pool2d_0.tmp_0'],
    [-1, 4, 4, 4],
  ],
  [
    'AvgPool2D',
    () => new nn.AvgPool2D(3, { padding: [1, 0, 1, 0], divisorOverride: 5 }).forward(image(4, 8, 8)),
    ['pool2d: Out=pool2d_0.tmp_0', 'scale: Out=tmp_0', 'scale: Out=tmp_1'],
    [-1, 4, 3, 3],
  ],
  [
    'BatchNorm2D',
    () => new nn.BatchNorm2D(4).forward(image(4, 8, 8)),
    [
      'batch_norm: MeanOut=batch_norm2d_0.w_1 ReserveSpace=batch_norm_0.tmp_3 SavedMean=batch_norm_0.tmp_0 SavedVariance=batch_norm_0.tmp_1 VarianceOut=batch_norm2d_0.w_2 Y=batch_norm_0.tmp_2',
      'fill_constant: Out=batch_norm2d_0.w_0',
      'fill_constant: Out=batch_norm2d_0.b_0',
      'fill_constant: Out=batch_norm2d_0.w_1',
      'fill_constant: Out=batch_norm2d_0.w_2',
    ],
    [-1, 4, 8, 8],
  ],
  [
    'LayerNorm',
    () => new nn.LayerNorm([8, 8]).forward(image(4, 8, 8)),
    [
      'layer_norm: Mean=layer_norm_1.tmp_0 Variance=layer_norm_1.tmp_1 Y=layer_norm_1.tmp_2',
      'fill_constant: Out=layer_norm_0.w_0',
      'fill_constant: Out=layer_norm_0.b_0',
    ],
    [-1, 4, 8, 8],
  ],
  [
    'Flatten',
    () => new nn.Flatten().forward(image(4, 8, 8)),
    ['flatten_contiguous_range: Out=flatten_1.tmp_0 XShape=flatten_1.tmp_1'],
    [-1, 256],
  ],
  [
    'staticLayerNorm',
    () => functional.staticLayerNorm(image(4, 8), { beginNormAxis: 2, biasAttr: false }),
    [
      'layer_norm: Mean=layer_norm_0.tmp_0 Variance=layer_norm_0.tmp_1 Y=layer_norm_0.tmp_2',
      'fill_constant: Out=layer_norm_0.w_0',
    ],
    [-1, 4, 8],
  ],
]

test.each(LAYERS)('%s has the operators and names of Paddle', (_, net, wanted, shape) => {
  const { main, startup, out } = build(net)
  const ops = [main, startup].flatMap((program) => program.globalBlock().ops)
  const written = (outputs: Readonly<Record<string, readonly string[]>>): string =>
    Object.entries(outputs)
      .flatMap(([slot, names]) => names.map((name) => `${slot}=${name}`))
      .sort()
      .join(' ')
  expect(ops.map((op) => `${op.type}: ${written(op.outputs)}`)).toEqual(wanted)
  expect(out.shape).toEqual(shape)
})

describe('paddings', () => {
  const paddings = (padding: Parameters<typeof functional.conv2d>[3]) => {
    const { main } = build(() => new nn.Conv2D(4, 6, 3, { ...padding, biasAttr: false }).forward(image(4, 8, 8)))
    const { attrs } = main.globalBlock().ops[0]!
    return [attrs['padding_algorithm'], attrs['paddings']]
  }
  it.each([
    [2, ['EXPLICIT', [2, 2]]],
    [
      [1, 2],
      ['EXPLICIT', [1, 2]],
    ],
    [
      [1, 1, 2, 2],
      ['EXPLICIT', [1, 2]],
    ],
    [
      [1, 2, 0, 1],
      ['EXPLICIT', [1, 2, 0, 1]],
    ],
    [
      [
        [0, 0],
        [0, 0],
        [1, 2],
        [0, 1],
      ],
      ['EXPLICIT', [1, 2, 0, 1]],
    ],
    ['SAME', ['SAME', [0, 0]]],
  ] as const)('%j', (padding, wanted) => {
    expect(paddings({ padding } as never)).toEqual(wanted)
  })
  it.each([
    [[1]],
    [[1, 2, 3]],
    [
      [
        [1, 0],
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    ],
  ])('%j is refused', (padding) => {
    expect(() => paddings({ padding } as never)).toThrow(EnforceError)
  })
})

class Net extends nn.Layer {
  readonly conv = new nn.Conv2D(2, 4, 3, { padding: 1 })
  readonly norm = new nn.BatchNorm2D(4, { momentum: 0.8 })
  readonly pool = new nn.MaxPool2D(2)
  readonly flatten = new nn.Flatten()
  readonly rows = new nn.LayerNorm(36)
  readonly last = new nn.Linear(36, 3)

  override forward<V extends Variable | Tensor>(x: V): V {
    const image = this.pool.forward(functional.relu(this.norm.forward(this.conv.forward(x))))
    return this.last.forward(this.rows.forward(this.flatten.forward(image)))
  }
}

test('a convolutional network gives the same numbers in both modes, and moves its averages', () => {
  const data = Float32Array.from({ length: 5 * 2 * 6 * 6 }, (_, i) => Math.sin(i * 1.7) + (i % 7) / 5)
  seed(3)
  const eager = new Net()
  const first = functional.mean(eager.forward(tensor(data, 'float32', [5, 2, 6, 6])).square())
  first.backward()
  const eagerGrads = [eager.conv.weight, eager.norm.weight, eager.rows.bias].map((p) => (p as ParameterTensor).grad!)

  const program = build(() => {
    const net = new Net()
    const loss = functional.mean(net.forward(input('x', [null, 2, 6, 6])).square())
    return { net, loss }
  })
  const { net, loss } = program.out
  const executor = new Executor()
  seed(3)
  executor.run(program.startup)
  const [value, mean, variance] = executor.run(program.main, {
    feed: { x: tensor(data, 'float32', [5, 2, 6, 6]) },
    fetch: [loss, net.norm.mean as Variable, net.norm.variance as Variable],
  }) as Tensor[]
  expect(value!.toArray()).toEqual(first.toArray())
  expect(mean!.toArray()).toEqual((eager.norm.mean as Tensor).toArray())
  expect(variance!.toArray()).toEqual((eager.norm.variance as Tensor).toArray())
  expect((mean!.toArray() as number[]).some((x) => Math.abs(x) > 1e-3)).toBe(true)
  for (const grad of eagerGrads) expect((grad.toArray() as number[]).flat(3).some((x) => x !== 0)).toBe(true)
  // Only what is trained has a gradient.
  expect((eager.norm.mean as ParameterTensor).grad).toBeNull()
})

test('a clone for testing uses the moving averages and leaves them', () => {
  const { main, startup, out } = build(() => {
    const norm = new nn.BatchNorm2D(1)
    return { y: norm.forward(image(1, 1, 2)), mean: norm.mean as Variable }
  })
  const testing = main.clone({ forTest: true })
  expect(Object.keys(testing.globalBlock().ops[0]!.outputs)).not.toContain('ReserveSpace')
  const executor = new Executor()
  executor.run(startup)
  const feed = { x: tensor([[[[10, 30]]]], 'float32', [1, 1, 1, 2]) }
  const [y, mean] = executor.run(testing, { feed, fetch: [out.y.name, out.mean.name] }) as Tensor[]
  expect((y!.toArray() as number[][][][])[0]![0]![0]!.map((v) => Math.round(v))).toEqual([10, 30])
  expect(mean!.toArray()).toEqual([0])
})
