import { describe, expect, test } from 'vitest'
import { EnforceError } from '../../src/errors.ts'
import { initializer } from '../../src/framework/initializer.ts'
import { LayerHelper } from '../../src/framework/layer_helper.ts'
import { Program } from '../../src/framework/program.ts'
import { build, input } from '../../src/modes/static.ts'
import * as nn from '../../src/nn/index.ts'
import { ops } from '../../src/ops/index.ts'

function failure(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

function programs(): { main: Program; startup: Program } {
  const main = new Program(ops)
  return { main, startup: new Program(ops, { names: main.names }) }
}

describe('LayerHelper', () => {
  test('names the layer, its temporaries and its parameters', () => {
    const pair = programs()
    const first = new LayerHelper('fc', { programs: pair })
    const second = new LayerHelper('fc', { programs: pair })
    expect([first.name, second.name]).toEqual(['fc_0', 'fc_1'])
    expect([first.createVariable().name, first.createVariable().name, second.createVariable().name]).toEqual([
      'fc_0.tmp_0',
      'fc_0.tmp_1',
      'fc_1.tmp_0',
    ])
    const weights = [first, first, second].map((helper) => helper.createParameter({ shape: [2] }).name)
    expect(weights).toEqual(['fc_0.w_0', 'fc_0.w_1', 'fc_1.w_0'])
    expect(first.createParameter({ shape: [2], isBias: true }).name).toBe('fc_0.b_0')
    expect(new LayerHelper('fc', { programs: pair, name: 'mine' }).createVariable().name).toBe('mine.tmp_0')
    expect(new LayerHelper('fc', { programs: pair }).name, 'a name of its own moves no counter').toBe('fc_2')
  })

  test('a parameter stands in both programs; startup sets it: a bias to 0, a weight by Xavier', () => {
    const { main, startup } = programs()
    const helper = new LayerHelper('fc', { programs: { main, startup } })
    const weight = helper.createParameter({ shape: [3, 5] })
    const bias = helper.createParameter({ shape: [5], isBias: true })
    for (const parameter of [weight, bias]) {
      expect(parameter.isParameter && parameter.persistable && !parameter.stopGradient).toBe(true)
      const twin = startup.globalBlock().var(parameter.name)
      expect(twin).toMatchObject({ shape: parameter.shape, persistable: true, stopGradient: false })
    }
    const [uniform, constant] = startup.globalBlock().ops
    const limit = Math.fround(Math.sqrt(6 / 8))
    expect(uniform).toMatchObject({
      type: 'uniform_random',
      outputs: { Out: ['fc_0.w_0'] },
      attrs: { min: -limit, max: limit },
    })
    expect(constant).toMatchObject({ type: 'fill_constant', outputs: { Out: ['fc_0.b_0'] }, attrs: { value: 0 } })
  })

  test('a name used twice is one parameter, initialized once', () => {
    const { main, startup } = programs()
    const make = (): unknown =>
      new LayerHelper('fc', { programs: { main, startup } }).createParameter({
        attr: { name: 'shared' },
        shape: [4, 4],
      })
    expect(make()).toBe(make())
    expect(startup.globalBlock().ops).toHaveLength(1)
    expect(main.parameters()).toHaveLength(1)
  })

  test('options of ParamAttr reach the parameter', () => {
    const { main, startup } = programs()
    const regularizer = { type: 'L1Decay', coeff: 0.5 } as const
    const attr = {
      name: 'p',
      learningRate: 0.25,
      regularizer,
      trainable: false,
      needClip: false,
      initializer: initializer.Constant(7),
    }
    const parameter = new LayerHelper('fc', { programs: { main, startup } }).createParameter({ attr, shape: [2] })
    expect(parameter).toMatchObject({ learningRate: 0.25, regularizer, trainable: false, needClip: false })
    expect(startup.globalBlock().ops[0]!.attrs['value']).toBe(7)
  })

  test.each<[string, readonly number[], 'float32' | 'float64', readonly number[]]>([
    ['another shape', [4, 4], 'float32', [4, 5]],
    ['another rank', [4, 4], 'float32', [16]],
    ['another element type', [4, 4], 'float64', [4, 4]],
  ])('E219: a parameter cannot be shared under %s, and nothing changes', (_, shape, dtype, wanted) => {
    const { main, startup } = programs()
    const helper = new LayerHelper('fc', { programs: { main, startup } })
    helper.createParameter({ attr: { name: 'shared' }, shape })
    const before = JSON.stringify([main.toJSON(), startup.toJSON()])
    const error = failure(() => helper.createParameter({ attr: { name: 'shared' }, shape: wanted, dtype }))
    expect(error).toMatchObject({ code: 'E219', category: 'InvalidArgument', got: wanted, expected: shape })
    expect(error.where).toEqual({ variable: 'shared' })
    expect(error.summary).toContain('float32[4, 4]')
    expect(JSON.stringify([main.toJSON(), startup.toJSON()])).toBe(before)
  })

  test('E219: the name of a variable that is no parameter', () => {
    const { main, startup } = programs()
    main.globalBlock().createVar({ name: 'data', shape: [2] })
    const helper = new LayerHelper('fc', { programs: { main, startup } })
    expect(failure(() => helper.createParameter({ attr: { name: 'data' }, shape: [2] })).code).toBe('E219')
    expect(startup.globalBlock().ops).toHaveLength(0)
  })

  test.each([[[-1, 2]], [[2, 1.5]], [[Number.NaN]], [[2, Infinity]]])('E219: a parameter of shape %j', (shape) => {
    const { main, startup } = programs()
    const helper = new LayerHelper('fc', { programs: { main, startup } })
    expect(failure(() => helper.createParameter({ shape })).code).toBe('E219')
    expect(main.globalBlock().vars.size + startup.globalBlock().vars.size).toBe(0)
  })

  test('a parameter whose initializer fails leaves neither program with a trace of it', () => {
    const { main, startup } = programs()
    const helper = new LayerHelper('fc', { programs: { main, startup } })
    const attr = { name: 'p', initializer: initializer.Assign([1, 2, 3]) }
    expect(failure(() => helper.createParameter({ attr, shape: [2] })).code).toBe('E219')
    expect([...main.globalBlock().vars.keys(), ...startup.globalBlock().vars.keys()]).toEqual([])
    expect(helper.createParameter({ attr: { name: 'p' }, shape: [2] }).name).toBe('p')
    expect(startup.globalBlock().ops).toHaveLength(1)
  })

  test('E040 outside of build, and none inside', () => {
    expect(failure(() => new LayerHelper('fc')).code).toBe('E040')
    const { out } = build(() => new LayerHelper('fc').name)
    expect(out).toBe('fc_0')
  })

  test('two fc layers with one weight name train one parameter', () => {
    const { main } = build(() => {
      const weightAttr = { name: 'w' }
      const h = nn.functional.fc(input('x', [null, 3]), 3, { weightAttr, biasAttr: false })
      return nn.functional.fc(h, 3, { weightAttr, biasAttr: false })
    })
    expect(main.parameters().map(({ name }) => name)).toEqual(['w'])
    expect(main.globalBlock().ops.map((op) => op.inputs['Y'])).toEqual([['w'], ['w']])
  })
})
