/**
 * Mixed precision trains: an MLP and a LeNet on the digits reach the accuracy of float32, survive infinities in their feeds, and move the loss
 * scale as the rule says. test/golden_programs.test.ts compares the programs themselves with Paddle's.
 */
import { describe, expect, test } from 'vitest'
import { CLASSES, PIXELS } from '../examples/digits/build_program.ts'
import { batches, type Digits, readDigits, shuffledRows } from '../examples/digits/train.ts'
import {
  amp,
  build,
  callOp,
  Executor,
  Generator,
  input,
  nn,
  ops,
  optimizer,
  type Program,
  Tensor,
  type Variable,
} from '../src/index.ts'

const { fc, staticConv2d, maxPool2d, crossEntropy, accuracy, softmax } = nn.functional

type Net = (x: Variable) => Variable

const mlp: Net = (x) => fc(fc(x, 32, { activation: 'relu' }), CLASSES)

/** Two convolutions and two dense layers over the 8 x 8 images. */
const lenet: Net = (x) => {
  const image = callOp(ops.reshape2, { X: x, ShapeTensor: [] }, { shape: [-1, 1, 8, 8] }).Out
  const first = maxPool2d(staticConv2d(image, 6, 3, { padding: 1, activation: 'relu' }), 2)
  return fc(fc(staticConv2d(first, 12, 3, { activation: 'relu' }), 32, { activation: 'relu' }), CLASSES)
}

interface Course {
  readonly bad: boolean
  readonly scale: number
  readonly good: number
  readonly failed: number
}

interface Trained {
  readonly accuracy: number
  /** What loss scaling held after each step. */
  readonly course: readonly Course[]
  /** Steps whose feed held an infinity. */
  readonly injected: readonly number[]
  readonly finite: boolean
}

type Decorate = Parameters<typeof amp.decorate>[1]

interface Settings {
  readonly epochs: number
  readonly mixed?: Decorate
  /** Every so many steps the feed holds an infinity. */
  readonly injectEvery?: number
  readonly make?: () => InstanceType<typeof optimizer.Optimizer>
}

const adam = (): InstanceType<typeof optimizer.Optimizer> =>
  new optimizer.Adam({ learningRate: 0.004, multiPrecision: true })

function train(net: Net, { epochs, mixed, injectEvery = 0, make = adam }: Settings): Trained {
  const { main, startup, out } = build(() => {
    const x = input('x', [null, PIXELS])
    const y = input('y', [null, 1], 'int64')
    const logits = net(x)
    return { loss: crossEntropy(logits, y), accuracy: accuracy(softmax(logits), y) }
  })
  const testProgram = main.clone({ forTest: true })
  const executor = new Executor({ seed: 3 })
  const plain = make()
  const decorated = mixed === undefined ? undefined : amp.decorate(plain, mixed)
  ;(decorated ?? plain).minimize(out.loss, { startup })
  executor.run(startup)
  decorated?.ampInit(executor.scope, { testProgram })
  const found = foundInfinite(main)
  const digits = readDigits('train')
  const generator = new Generator(3)
  const course: Course[] = []
  const injected: number[] = []
  let step = 0
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const batch of batches(digits, shuffledRows(digits.x.shape[0]!, generator))) {
      const poisoned = injectEvery > 0 && step % injectEvery === injectEvery - 1
      if (poisoned) injected.push(step)
      const feed = poisoned ? poison(batch) : batch
      const got = executor.run(main, { feed: { ...feed }, fetch: found === undefined ? [] : [found] })
      if (found !== undefined) {
        const read = (name: string): number => Number((executor.scope.get(name) as Tensor | undefined)?.at(0) ?? 0)
        course.push({
          bad: Number((got[0] as Tensor).at(0)) !== 0,
          scale: read('loss_scaling_0'),
          good: read('num_good_steps_0'),
          failed: read('num_bad_steps_0'),
        })
      }
      step++
    }
  }
  optimizer.checkMasterWeights(main, executor.scope)
  const [result] = executor.run(testProgram, { feed: { ...readDigits('test') }, fetch: [out.accuracy.name] })
  const finite = main.parameters().every(({ name }) => {
    const value = executor.scope.get(name) as Tensor
    for (let i = 0; i < value.size; i++) if (!Number.isFinite(Number(value.at(i)))) return false
    return true
  })
  executor.dispose()
  return { accuracy: Number((result as Tensor).at(0)), course, injected, finite }
}

/** The variable that says whether a step was bad. */
function foundInfinite(main: Program): string | undefined {
  const { ops: all } = main.globalBlock()
  const update = all.find(({ type }) => type === 'update_loss_scaling')
  return update?.inputs['FoundInfinite']?.[0] ?? all.find(({ type }) => type === 'reduce_any')?.outputs['Out']?.[0]
}

function poison({ x, y }: Digits): Digits {
  const data = (x.data as Float32Array).slice()
  data[5] = Number.POSITIVE_INFINITY
  return { x: new Tensor('float32', x.shape, data), y }
}

/** The rule of update_loss_scaling, written down once more: what follows from which steps were bad. */
function simulate(
  bad: readonly boolean[],
  start: number,
  rule: Required<Pick<amp.LevelOptions, 'incrEveryNSteps' | 'decrEveryNNanOrInf' | 'incrRatio' | 'decrRatio'>>,
): Course[] {
  let [scale, good, failed] = [start, 0, 0]
  return bad.map((isBad) => {
    if (isBad) {
      good = 0
      failed++
      if (failed === rule.decrEveryNNanOrInf) {
        scale = Math.max(1, Math.fround(scale * rule.decrRatio))
        failed = 0
      }
    } else {
      failed = 0
      good++
      if (good === rule.incrEveryNSteps) {
        const grown = Math.fround(scale * rule.incrRatio)
        if (Number.isFinite(grown)) scale = grown
        good = 0
      }
    }
    return { bad: isBad, scale, good, failed }
  })
}

const RULE = { incrEveryNSteps: 9, decrEveryNNanOrInf: 2, incrRatio: 2, decrRatio: 0.5 }

describe.each([
  ['MLP', mlp, 6],
  ['LeNet', lenet, 3],
] as const)('%s on the digits', (_, net, epochs) => {
  const reference = train(net, { epochs })

  test('float32 learns', () => {
    expect(reference.accuracy).toBeGreaterThan(0.9)
  })

  test.each([
    ['float16', 'O1'],
    ['float16', 'O2'],
    ['bfloat16', 'O1'],
    ['bfloat16', 'O2'],
  ] as const)('%s at %s within 1 percent of float32, with an infinity every 20th step', (dtype, level) => {
    const got = train(net, { epochs, mixed: { level, dtype, ...RULE, initLossScaling: 1024 }, injectEvery: 20 })
    expect(got.finite).toBe(true)
    expect(reference.accuracy - got.accuracy).toBeLessThanOrEqual(0.01)
    if (dtype === 'bfloat16') return
    // Every infinite feed was found, and the scale went where the rule says.
    for (const step of got.injected) expect(got.course[step]!.bad).toBe(true)
    expect(got.course).toEqual(
      simulate(
        got.course.map(({ bad }) => bad),
        1024,
        RULE,
      ),
    )
  })
})

describe('every optimizer at O2', () => {
  const { Adagrad, Adadelta, Adamax, AdamW, Lamb, LarsMomentum, Momentum, RMSProp, SGD } = optimizer
  test.each([
    ['SGD', () => new SGD({ learningRate: 0.1 })],
    ['Momentum', () => new Momentum({ learningRate: 0.03 })],
    ['LarsMomentum', () => new LarsMomentum({ learningRate: 0.1, larsCoeff: 0.1 })],
    ['AdamW', () => new AdamW({ learningRate: 0.004 })],
    ['Adamax', () => new Adamax({ learningRate: 0.006 })],
    ['Adagrad', () => new Adagrad({ learningRate: 0.03 })],
    ['Adadelta', () => new Adadelta({ learningRate: 1 })],
    ['RMSProp', () => new RMSProp({ learningRate: 0.002 })],
    ['Lamb', () => new Lamb({ learningRate: 0.01 })],
  ] as const)('%s in float16 trains as in float32', (_, make) => {
    const wide = train(mlp, { epochs: 4, make })
    const half = train(mlp, { epochs: 4, make, mixed: { level: 'O2' } })
    expect(wide.accuracy).toBeGreaterThan(0.8)
    expect(wide.accuracy - half.accuracy).toBeLessThanOrEqual(0.02)
  })
})

describe('half parameters without master weights', () => {
  const { Adagrad, Adadelta, Adam, Adamax, AdamW, Lamb, LarsMomentum, Momentum, RMSProp, SGD } = optimizer
  test.each([
    ['SGD', () => new SGD({ learningRate: 0.5 })],
    ['Momentum', () => new Momentum({ learningRate: 0.1 })],
    ['LarsMomentum', () => new LarsMomentum({ learningRate: 0.3, larsCoeff: 0.1 })],
    ['Adam', () => new Adam({ learningRate: 0.05 })],
    ['AdamW', () => new AdamW({ learningRate: 0.05 })],
    ['Adamax', () => new Adamax({ learningRate: 0.05 })],
    ['Adagrad', () => new Adagrad({ learningRate: 0.1 })],
    ['Adadelta', () => new Adadelta({ learningRate: 100 })],
    ['RMSProp', () => new RMSProp({ learningRate: 0.02 })],
    ['Lamb', () => new Lamb({ learningRate: 0.1 })],
  ] as const)('%s trains, by plan and by interpreter to the same bits', (_, make) => {
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const losses = (['plan', 'interpreter'] as const).map((engine) => {
        const { main, startup, out } = build(
          () => {
            const x = input('x', [4, 3])
            const loss = nn.functional.mean(callOp(ops.square, { X: fc(x, 2).sub(input('y', [4, 2])) }, {}).Out)
            const decorated = amp.decorate(make(), { level: 'O2', dtype, masterWeight: false, initLossScaling: 8 })
            decorated.minimize(loss)
            return { loss, decorated }
          },
          { seed: 3 },
        )
        const executor = new Executor({ engine })
        executor.run(startup)
        out.decorated.ampInit(executor.scope)
        const feed = {
          x: [
            [1, 2, 0],
            [0, 1, -1],
            [1, 0, 1],
            [-1, 1, 0],
          ],
          y: [
            [3, 1],
            [0, 1],
            [2, 0],
            [0, -1],
          ],
        }
        const course = Array.from({ length: 30 }, () =>
          (executor.run(main, { feed, fetch: [out.loss] })[0] as Tensor).item(),
        )
        executor.dispose()
        return course
      })
      expect(losses[1]).toEqual(losses[0])
      expect(Number(losses[0]!.at(-1))).toBeLessThan(0.7 * Number(losses[0]![0]))
    }
  })
})
