/**
 * Training in half precision: master weights keep what half parameters cannot hold. The digits are real (examples/digits).
 */
import { describe, expect, test } from 'vitest'
import { trainHalf } from '../examples/half_master_weights.ts'
import { build, type EnforceError, Executor, input, nn, optimizer, Program, seed, Tensor } from '../src/index.ts'
import { ops } from '../src/ops/index.ts'
import { float32ToHalf, halfToFloat32 } from '../src/tensor/half.ts'

type Half = 'float16' | 'bfloat16'
const HALVES: readonly Half[] = ['float16', 'bfloat16']

describe('an MLP with half parameters on the digits', () => {
  const reference = trainHalf('float32', { learningRate: 0.004, epochs: 8 })

  test('the float32 reference learns', () => {
    expect(reference.accuracy).toBeGreaterThan(0.93)
  })

  test.each(HALVES)('%s with master weights is within 1 %% of float32', (dtype) => {
    const half = trainHalf(dtype, { learningRate: 0.004, multiPrecision: true, epochs: 8 })
    expect(Math.abs(half.accuracy - reference.accuracy)).toBeLessThanOrEqual(0.01)
  })

  test('float16 without master weights stands still where updates fall below half a unit in the last place', () => {
    // Adam's step is about the learning rate. Weights lie around 0.1, where neighbouring float16 values are 6e-5 apart.
    const learningRate = 2e-6
    const without = trainHalf('float16', { learningRate, epochs: 2 })
    const withMaster = trainHalf('float16', { learningRate, multiPrecision: true, epochs: 2 })
    const wide = trainHalf('float32', { learningRate, epochs: 2 })
    expect(wide.moved / wide.weights).toBeGreaterThan(0.8)
    expect(without.moved / without.weights).toBeLessThan(0.1)
    expect(withMaster.moved).toBeGreaterThan(4 * without.moved)
  })
})

describe('the master weight', () => {
  test.each(HALVES)(
    '%s: master and moments are those of a float32 run with the same gradients, and ParamOut is the master rounded',
    (dtype) => {
      const count = 37
      const start = new Float32Array(count).map((_, i) => Math.fround(Math.sin(i + 1) * 0.3))
      const bits = new Uint16Array(count)
      float32ToHalf(dtype, start, bits)
      const half = adamProgram(dtype, true)
      const wide = adamProgram('float32', false)
      const a = new Executor()
      const b = new Executor()
      a.scope.set('p', new Tensor(dtype, [count], bits.slice()))
      const master = new Float32Array(count)
      halfToFloat32(dtype, bits, master)
      a.scope.set('master', new Tensor('float32', [count], master.slice()))
      b.scope.set('p', new Tensor('float32', [count], master.slice()))
      for (const { scope } of [a, b]) {
        for (const name of ['m1', 'm2']) scope.set(name, Tensor.zeros('float32', [count]))
        scope.set('b1', new Tensor('float32', [1], new Float32Array([0.9])))
        scope.set('b2', new Tensor('float32', [1], new Float32Array([0.999])))
        scope.set('lr', new Tensor('float32', [1], new Float32Array([0.003])))
      }
      for (let step = 0; step < 25; step++) {
        const gradient = new Uint16Array(count)
        float32ToHalf(
          dtype,
          new Float32Array(count).map((_, i) => Math.cos(3 * i + step)),
          gradient,
        )
        const same = new Float32Array(count)
        halfToFloat32(dtype, gradient, same)
        a.run(half, { feed: { g: new Tensor(dtype, [count], gradient) } })
        b.run(wide, { feed: { g: new Tensor('float32', [count], same) } })
        const floats = (executor: Executor, name: string): number[] =>
          Array.from((executor.scope.get(name) as Tensor).data as Float32Array)
        expect(floats(a, 'master')).toEqual(floats(b, 'p'))
        for (const name of ['m1', 'm2', 'b1', 'b2']) expect(floats(a, name)).toEqual(floats(b, name))
        const rounded = new Uint16Array(count)
        float32ToHalf(dtype, (a.scope.get('master') as Tensor).data as Float32Array, rounded)
        expect(Array.from((a.scope.get('p') as Tensor).data as Uint16Array)).toEqual(Array.from(rounded))
      }
      expect(Array.from((a.scope.get('p') as Tensor).data as Uint16Array)).not.toEqual(Array.from(bits))
    },
  )

  test('a parameter that was loaded without its master is refused by name, and can be repaired from either side', () => {
    seed(5)
    const { main, startup, out } = build(() => {
      const x = input('x', [null, 4], 'float16')
      const loss = nn.functional.fc(x, 3).mean()
      new optimizer.Adam({ learningRate: 0.01, multiPrecision: true }).minimize(loss)
      return { loss }
    })
    void out
    const executor = new Executor()
    executor.run(startup)
    expect(() => optimizer.checkMasterWeights(main, executor.scope)).not.toThrow()
    const loaded = new Tensor('float16', [4, 3], new Uint16Array(12).fill(0x3c00))
    executor.scope.set('fc_0.w_0', loaded)
    let error: EnforceError | undefined
    try {
      optimizer.checkMasterWeights(main, executor.scope)
    } catch (caught) {
      error = caught as EnforceError
    }
    expect(error).toMatchObject({
      code: 'E314',
      category: 'PreconditionNotMet',
      where: { variable: 'fc_0.w_0' },
      expected: 'fc_0.w_0_fp32_master_0',
    })
    expect(optimizer.syncMasterWeights(main, executor.scope, 'fromParameter')).toEqual(['fc_0.w_0_fp32_master_0'])
    expect((executor.scope.get('fc_0.w_0_fp32_master_0') as Tensor).toArray()).toEqual([
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ])
    expect(() => optimizer.checkMasterWeights(main, executor.scope)).not.toThrow()
  })
})

/** One adam operator over variables p, master, g, m1, m2, b1, b2, lr. */
function adamProgram(dtype: Half | 'float32', master: boolean): Program {
  const program = new Program(ops) as Program
  const block = program.globalBlock()
  const state = (name: string, type: Half | 'float32', shape: number[]): void => {
    block.createVar({ name, dtype: type, shape, persistable: true })
  }
  state('p', dtype, [37])
  for (const name of ['m1', 'm2']) state(name, 'float32', [37])
  for (const name of ['b1', 'b2', 'lr']) state(name, 'float32', [1])
  if (master) state('master', 'float32', [37])
  block.createVar({ name: 'g', dtype, shape: [37], needCheckFeed: true })
  block.appendOp({
    type: 'adam',
    inputs: {
      Param: 'p',
      Grad: 'g',
      LearningRate: 'lr',
      Moment1: 'm1',
      Moment2: 'm2',
      Beta1Pow: 'b1',
      Beta2Pow: 'b2',
      ...(master ? { MasterParam: 'master' } : {}),
    },
    outputs: {
      ParamOut: 'p',
      Moment1Out: 'm1',
      Moment2Out: 'm2',
      Beta1PowOut: 'b1',
      Beta2PowOut: 'b2',
      ...(master ? { MasterParamOut: 'master' } : {}),
    },
    attrs: { multi_precision: master },
  })
  return program
}
