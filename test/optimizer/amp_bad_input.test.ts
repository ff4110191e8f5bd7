/** What mixed precision refuses, with the code, and that nothing was changed then. */
import { describe, expect, test } from 'vitest'
import {
  amp,
  build,
  type EnforceError,
  Executor,
  input,
  nn,
  optimizer,
  type Program,
  type Tensor,
  tensor,
  type Variable,
} from '../../src/index.ts'

function caught(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    return error as EnforceError
  }
  throw new Error('nothing was thrown')
}

const net = (): { main: Program; startup: Program; loss: Variable } => {
  const { main, startup, out } = build(() => ({ loss: nn.functional.fc(input('x', [null, 3]), 2).mean() }))
  return { main, startup, loss: out.loss }
}
const adam = (): InstanceType<typeof optimizer.Adam> => new optimizer.Adam()

describe('mixed precision refuses', () => {
  test.each([
    ['a loss scale of 0', { initLossScaling: 0 }],
    ['one that is no number', { initLossScaling: Number.NaN }],
    ['one beyond float32', { initLossScaling: 1e39 }],
    ['a ratio of 1', { incrRatio: 1 }],
    ['a falling ratio of 1', { decrRatio: 1 }],
    ['no steps', { incrEveryNSteps: 0 }],
    ['half a step', { decrEveryNNanOrInf: 0.5 }],
    ['a level that is none', { level: 'O3' as amp.AmpLevel }],
    ['a type that is no half', { dtype: 'float32' as amp.HalfType }],
    ['options of both forms', { level: 'O1', usePureFp16: true } as amp.LevelOptions],
    ['lists of the other type', { ampLists: new amp.AutoMixedPrecisionLists({ dtype: 'bfloat16' }) }],
  ])('%s', (_, options) => {
    expect(caught(() => amp.decorate(adam(), options)).code).toBe('E320')
  })

  test('an operator in both custom lists, by name', () => {
    const error = caught(() => new amp.CustomOpLists({ customWhiteList: ['relu'], customBlackList: ['relu'] }))
    expect([error.code, error.where?.opType]).toEqual(['E320', 'relu'])
  })

  test('ampInit before minimize', () => {
    const decorated = amp.decorate(adam())
    expect(caught(() => decorated.ampInit(new Executor().scope)).code).toBe('E323')
    expect(caught(() => decorated.getLossScaling()).code).toBe('E323')
  })

  test.each([
    ['float16', 'plan'],
    ['float16', 'interpreter'],
    ['bfloat16', 'plan'],
  ] as const)('a run before ampInit, by parameter: %s, %s', (dtype, engine) => {
    const { main, startup, loss } = net()
    const decorated = amp.decorate(adam(), { level: 'O2', dtype })
    decorated.minimize(loss, { startup })
    const executor = new Executor({ seed: 1, engine })
    executor.run(startup)
    const run = () => executor.run(main, { feed: { x: tensor([[1, 2, 3]]) }, fetch: [loss] })
    const error = caught(run)
    expect([error.category, error.code, error.where?.variable]).toEqual(['PreconditionNotMet', 'E107', 'fc_0.w_0'])
    expect(error.hint).toContain('ampInit')
    expect((executor.scope.get('fc_0.w_0') as Tensor).dtype, 'nothing was run').toBe('float32')
    decorated.ampInit(executor.scope)
    expect(Number.isFinite((run()[0] as Tensor).item())).toBe(true)
  })

  test.each(['O1', 'O2'] as const)(
    'a loss that nothing trains, at %s, and leaves the programs as they were',
    (level) => {
      const { main, startup, loss } = net()
      const before = [JSON.stringify(main.toJSON()), JSON.stringify(startup.toJSON())]
      const decorated = amp.decorate(adam(), { level })
      const noGradSet = main.parameters()
      expect(caught(() => decorated.minimize(loss, { startup, noGradSet })).code).toBe('E301')
      expect([JSON.stringify(main.toJSON()), JSON.stringify(startup.toJSON())]).toEqual(before)
      expect(decorated.minimize(loss, { startup }).paramsGrads).toHaveLength(2)
    },
  )

  test('a name that its cast needs, by name, and leaves the program as it was', () => {
    const { main, startup, loss } = net()
    main.globalBlock().createVar({ name: 'x.cast_fp16', dtype: 'int64', shape: [1] })
    const dtypes = (): string[] => [...main.globalBlock().vars.values()].map(({ name, dtype }) => `${name} ${dtype}`)
    const before = dtypes()
    const ops = main.globalBlock().ops.length
    const error = caught(() => amp.decorate(adam()).minimize(loss, { startup }))
    expect([error.code, error.where?.variable]).toEqual(['E321', 'x.cast_fp16'])
    expect(dtypes()).toEqual(before)
    expect(main.globalBlock().ops).toHaveLength(ops)
  })
})
