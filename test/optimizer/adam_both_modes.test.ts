/**
 * Every way in which Adam is configured, in both modes: `minimize` on a program that the plan and the interpreter run, and `step` in dygraph.
 * Losses, parameters, master weights and moments must have the same bits after each step, on either back end.
 */
import { describe, expect, test } from 'vitest'
import type { ParamAttr } from '../../src/framework/layer_helper.ts'
import {
  build,
  callOp,
  EnforceError,
  Executor,
  input,
  lr,
  nn,
  ops,
  optimizer,
  type ParameterTensor,
  seed,
  type Tensor,
  tensor,
  type Variable,
  withBackend,
} from '../../src/index.ts'
import { ParameterMaker } from '../../src/modes/parameters.ts'

type Float = 'float32' | 'float64' | 'float16' | 'bfloat16'
type Options = ConstructorParameters<typeof optimizer.Adam>[0]

const STEPS = 6
const ROWS = 4
const FEATURES = 6
const CLASSES = 3

const bits = ({ data }: Tensor): string => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')

const cast = <V extends Variable | Tensor>(x: V, to: Float): V =>
  x.dtype === to ? x : (callOp(ops.cast, { X: x as Tensor }, { in_dtype: x.dtype, out_dtype: to }).Out as V)

class Net extends nn.Layer {
  readonly #dtype: Float
  readonly w0: ReturnType<ParameterMaker['create']>
  readonly b0: ReturnType<ParameterMaker['create']>
  readonly w1: ReturnType<ParameterMaker['create']>

  constructor(dtype: Float, attrs: Readonly<Record<string, ParamAttr>>) {
    super()
    this.#dtype = dtype
    const maker = new ParameterMaker('net')
    const attr = (name: string): ParamAttr => ({ ...attrs[name], name })
    this.w0 = maker.create({ attr: attr('w0'), shape: [FEATURES, 5], dtype })
    this.b0 = maker.create({ attr: attr('b0'), shape: [5], dtype, isBias: true })
    this.w1 = maker.create({ attr: attr('w1'), shape: [5, CLASSES], dtype })
  }

  override forward<V extends Variable | Tensor>(x: V): V {
    const { matmul, add } = {
      matmul: (a: V, b: unknown) => callOp(ops.matmul_v2, { X: a as Tensor, Y: b as Tensor }, {}).Out as V,
      add: (a: V, b: unknown) => callOp(ops.elementwise_add, { X: a as Tensor, Y: b as Tensor }, {}).Out as V,
    }
    const hidden = nn.functional.tanh(add(matmul(cast(x, this.#dtype), this.w0), this.b0))
    return cast(matmul(hidden, this.w1), this.#dtype === 'float64' ? 'float64' : 'float32')
  }
}

const lossOf = <V extends Variable | Tensor>(net: Net, x: V, y: V): V =>
  nn.functional.mean(nn.functional.softmaxWithCrossEntropy(net.forward(x), y))

function batch(step: number): { x: Float32Array; y: BigInt64Array } {
  return {
    x: Float32Array.from({ length: ROWS * FEATURES }, (_, i) => Math.sin(1.7 * i + 3.1 * step)),
    y: BigInt64Array.from({ length: ROWS }, (_, i) => BigInt((i * i + step) % CLASSES)),
  }
}

interface Case {
  readonly dtype?: Float
  readonly attrs?: Readonly<Record<string, ParamAttr>>
  /** Made anew for each mode, since schedules have a state. */
  readonly options: () => NonNullable<Options>
  /** Given as values of one element: variables of the program, tensors in dygraph. */
  readonly asValues?: Readonly<Partial<Record<'beta1' | 'beta2' | 'epsilon', number>>>
}

const clip = () => nn.ClipGradByGlobalNorm(0.05)
const own: Case['attrs'] = {
  w0: { learningRate: 0.1, regularizer: optimizer.L1Decay(0.01) },
  b0: { learningRate: 2.5, needClip: false },
}

const CASES: Readonly<Record<string, Case>> = {
  'a number': { options: () => ({ learningRate: 0.02, beta1: 0.8, beta2: 0.95, epsilon: 1e-4 }) },
  'a schedule that changes each step': {
    options: () => ({ learningRate: new lr.ExponentialDecay({ learningRate: 0.05, gamma: 0.7 }) }),
  },
  'warm-up and a parameter of its own rate': {
    attrs: own,
    options: () => ({
      learningRate: new lr.LinearWarmup({ learningRate: 0.05, warmupSteps: 3, startLr: 0, endLr: 0.05 }),
    }),
  },
  'beta1 and beta2 as values': { options: () => ({ learningRate: 0.02 }), asValues: { beta1: 0.8, beta2: 0.97 } },
  'beta2 and epsilon as values': { options: () => ({ learningRate: 0.02 }), asValues: { beta2: 0.97, epsilon: 1e-3 } },
  lazyMode: { options: () => ({ learningRate: 0.02, lazyMode: true }) },
  'rates and decay of single parameters': {
    attrs: own,
    options: () => ({ learningRate: 0.02, weightDecay: optimizer.L2Decay(0.05) }),
  },
  'decay and clipping': {
    attrs: own,
    options: () => ({ learningRate: 0.02, weightDecay: 0.01, gradClip: clip() }),
  },
  'a frozen parameter': {
    attrs: { w0: { trainable: false } },
    options: () => ({ learningRate: 0.02, gradClip: clip() }),
  },
  float64: { dtype: 'float64', attrs: own, options: () => ({ learningRate: 0.02, weightDecay: 0.01 }) },
}
for (const dtype of ['float16', 'bfloat16'] as const) {
  Object.assign(CASES, {
    [`${dtype} without master weights`]: { dtype, options: () => ({ learningRate: 0.02 }) },
    [`${dtype} with master weights`]: { dtype, options: () => ({ learningRate: 0.02, multiPrecision: true }) },
    [`${dtype} with master weights, clipping and a schedule`]: {
      dtype,
      options: () => ({
        learningRate: new lr.ExponentialDecay({ learningRate: 0.05, gamma: 0.7 }),
        multiPrecision: true,
        gradClip: clip(),
      }),
    },
    [`${dtype} with master weights, decay and own rates`]: {
      dtype,
      attrs: { w0: { learningRate: 0.5 }, b0: { regularizer: optimizer.L1Decay(0.02) } },
      options: () => ({ learningRate: 0.02, multiPrecision: true, weightDecay: optimizer.L2Decay(0.05) }),
    },
  } satisfies Record<string, Case>)
}

const constant = (value: number): Variable =>
  callOp(ops.fill_constant, { ShapeTensorList: [] }, { shape: [1], value, dtype: 'float32' }).Out as unknown as Variable

describe.each(['ts', 'wasm'] as const)('Adam in both modes on %s', (backend) => {
  const compare = (name: string): void => {
    const { dtype = 'float32', attrs = {}, options, asValues = {} } = CASES[name]!
    const names = ['w0', 'b0', 'w1']
    seed(11)
    const eagerNet = new Net(dtype, attrs)
    const eagerOptions = options()
    const eagerValues = Object.fromEntries(Object.entries(asValues).map(([key, value]) => [key, tensor([value])]))
    const eager = new optimizer.Adam({ ...eagerOptions, ...eagerValues, parameters: eagerNet.parameters() })

    const staticOptions = options()
    const { main, startup, out } = build(() => {
      const x = input('x', [null, FEATURES])
      const y = input('y', [null, 1], 'int64')
      const loss = lossOf(new Net(dtype, attrs), x, y)
      const values = Object.fromEntries(Object.entries(asValues).map(([key, value]) => [key, constant(value)]))
      new optimizer.Adam({ ...staticOptions, ...values }).minimize(loss)
      return loss
    })
    const engines = (['plan', 'interpreter'] as const).map((engine) => {
      const executor = new Executor({ engine, backend, seed: 11 })
      executor.run(startup)
      return executor
    })
    const parameter = (key: string): ParameterTensor => eagerNet.parameters().find((each) => each.name === key)!
    for (const key of names) {
      expect(bits(engines[0]!.scope.get(key) as Tensor), `${key} at the start`).toBe(bits(parameter(key)))
    }
    const start = bits(parameter('w1'))
    for (let step = 0; step < STEPS; step++) {
      const { x, y } = batch(step)
      const loss = lossOf(eagerNet, tensor(x, 'float32', [ROWS, FEATURES]), tensor(y, 'int64', [ROWS, 1]))
      loss.backward()
      eager.step()
      eager.clearGrad()
      for (const executor of engines) {
        const [value] = executor.run(main, { feed: { x, y }, fetch: [out] }) as [Tensor]
        expect(executor.lastRun).toMatchObject({ engine: executor.engine, backend })
        expect([step, bits(value)]).toEqual([step, bits(loss)])
        for (const key of names) {
          expect([step, key, bits(executor.scope.get(key) as Tensor)]).toEqual([step, key, bits(parameter(key))])
        }
      }
      for (const each of [eagerOptions, staticOptions]) {
        if (each.learningRate instanceof lr.LRScheduler) each.learningRate.step()
      }
    }
    expect(bits(parameter('w1')), 'something was learned').not.toBe(start)
    // What the optimizer keeps: one value for each of the program's, under the accumulator's name.
    for (const key of names.filter((each) => parameter(each).trainable)) {
      for (const accumulator of ['moment1', 'moment2', 'beta1_pow_acc', 'beta2_pow_acc']) {
        const kept = [...main.globalBlock().vars.keys()].filter((each) =>
          new RegExp(`^${key}(_fp32_master_0)?_${accumulator}_0$`).test(each),
        )
        expect(kept, `${key} ${accumulator}`).toHaveLength(1)
        const target = staticOptions.multiPrecision ? eager._create_master_weight(parameter(key)) : parameter(key)
        const value = eager._get_accumulator(accumulator, target) as Tensor
        expect([key, accumulator, bits(engines[0]!.scope.get(kept[0]!) as Tensor)]).toEqual([
          key,
          accumulator,
          bits(value),
        ])
      }
      if (staticOptions.multiPrecision) {
        const master = eager._create_master_weight(parameter(key)) as Tensor
        expect(bits(engines[0]!.scope.get(`${key}_fp32_master_0`) as Tensor)).toBe(bits(master))
      }
    }
  }

  test.each(Object.keys(CASES))('%s', (name) => withBackend(backend, () => compare(name)))
})

describe('a value of the other mode', () => {
  const codeOf = (body: () => unknown): string => {
    try {
      body()
    } catch (error) {
      if (error instanceof EnforceError) return error.code
      throw error
    }
    return 'nothing was thrown'
  }

  test('a tensor for beta1 is refused by minimize, and a variable by step', () => {
    const refused = codeOf(() =>
      build(() => {
        const x = input('x', [null, FEATURES])
        const loss = nn.functional.mean(nn.functional.fc(x, 1))
        new optimizer.Adam({ beta1: tensor([0.9]) }).minimize(loss)
      }),
    )
    expect(refused).toBe('E040')
    const { out: beta1 } = build(() => constant(0.9))
    const net = new nn.Linear(2, 1)
    const adam = new optimizer.Adam({ beta1, parameters: net.parameters() })
    net
      .forward(tensor([[1, 2]]))
      .mean()
      .backward()
    expect(codeOf(() => adam.step())).toBe('E040')
  })

  test('a variable is no learning rate of step, as a tensor is none in Paddle', () => {
    const { out: rate } = build(() => constant(0.1))
    const net = new nn.Linear(2, 1)
    net
      .forward(tensor([[1, 2]]))
      .mean()
      .backward()
    expect(codeOf(() => new optimizer.Adam({ learningRate: rate, parameters: net.parameters() }).step())).toBe('E310')
    expect(codeOf(() => new optimizer.Adam({ learningRate: tensor([0.1]) as unknown as number }))).toBe('E310')
  })
})
