/** Initializers against the startup programs and values that Paddle 2.6.2 made for them (test/golden/random/initializers.json.gz). */
import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { Executor } from '../../src/executor/executor.ts'
import { comparePrograms } from '../../src/framework/diff.ts'
import { calculateGain, computeFans, type Initializer, initializer } from '../../src/framework/initializer.ts'
import { Program } from '../../src/framework/program.ts'
import { ops } from '../../src/ops/index.ts'
import { seed } from '../../src/tensor/random.ts'
import { valueFromJSON } from '../../src/tensor/tensor_json.ts'
import { readGolden } from '../golden.ts'
import { differentValues } from '../ops/op_case.ts'

interface Case {
  readonly initializer: string
  readonly args: Readonly<Record<string, unknown>>
  readonly shape: readonly number[]
  readonly program_random_seed: number
  readonly paddle_seed: number
  readonly startup: unknown
  readonly value: unknown
}
const all = readGolden<{ readonly cases: readonly Case[] }>('random/initializers.json.gz').cases

/** The initializer with Paddle's argument names. */
const MAKERS: Readonly<Record<string, (args: Record<string, never>) => Initializer>> = {
  Constant: ({ value }) => initializer.Constant(value),
  Uniform: ({ low, high }) => initializer.Uniform(low, high),
  Normal: ({ mean, std }) => initializer.Normal(mean, std),
  TruncatedNormal: ({ mean, std }) => initializer.TruncatedNormal(mean, std),
  XavierUniform: ({ fan_in, fan_out }) => initializer.XavierUniform(fan_in, fan_out),
  XavierNormal: ({ fan_in, fan_out }) => initializer.XavierNormal(fan_in, fan_out),
  KaimingUniform: (args) => initializer.KaimingUniform(kaiming(args)),
  KaimingNormal: (args) => initializer.KaimingNormal(kaiming(args)),
  Assign: ({ value }) => initializer.Assign(value),
}
const kaiming = ({ fan_in, negative_slope, nonlinearity }: Record<string, never>) => ({
  ...(fan_in === undefined ? {} : { fanIn: fan_in }),
  ...(negative_slope === undefined ? {} : { negativeSlope: negative_slope }),
  ...(nonlinearity === undefined ? {} : { nonlinearity }),
})
/** Recorded, but not offered by `nn.initializer` so far. */
const NOT_OFFERED = ['Bilinear', 'Orthogonal', 'Dirac']

function startupOf(given: Initializer, shape: readonly number[], randomSeed: number): Program {
  const program = new Program(ops)
  program.randomSeed = randomSeed
  const block = program.globalBlock()
  const target = block.createParameter({ name: 'p', shape })
  given.append(block, target)
  target.stopGradient = false
  return program
}

describe('initializers', () => {
  test('all recorded ones are known, and those not offered are listed', () => {
    const names = [...new Set(all.map((given) => given.initializer))]
    expect(names.filter((name) => MAKERS[name] === undefined).sort()).toEqual([...NOT_OFFERED].sort())
    expect(all.length).toBeGreaterThan(50)
  })

  const cases = all.filter((given) => MAKERS[given.initializer] !== undefined)
  test.each(
    cases.map(
      (given) =>
        [
          `${given.initializer} ${JSON.stringify(given.args)} [${given.shape}] seed ${given.program_random_seed}`,
          given,
        ] as const,
    ),
  )('%s: the recorded operators, and the recorded values bit for bit', (_, given) => {
    const recorded = Program.from(given.startup, { library: ops })
    // The recording carries no seed of the program; it stands in the operators.
    const made = startupOf(MAKERS[given.initializer]!(given.args as never), given.shape, given.program_random_seed)
    expect(comparePrograms(recorded, made)).toEqual([])
    const wanted = valueFromJSON(given.value)
    for (const engine of ['plan', 'interpreter'] as const) {
      const executor = new Executor({ engine })
      seed(given.paddle_seed)
      executor.run(made)
      expect(differentValues(wanted, executor.scope.get('p')), engine).toBeUndefined()
    }
  })

  test('fans: a matrix gives its sides, a kernel counts its window, a vector itself twice', () => {
    expect(computeFans([])).toEqual([1, 1])
    expect(computeFans([7])).toEqual([7, 7])
    expect(computeFans([3, 5])).toEqual([3, 5])
    expect(computeFans([8, 3, 5, 5])).toEqual([75, 200])
  })

  test('gains', () => {
    expect(calculateGain('relu')).toBe(Math.SQRT2)
    expect(calculateGain('tanh')).toBeCloseTo(5 / 3, 15)
    expect(calculateGain('leaky_relu', 1)).toBe(1)
    expect(calculateGain('selu')).toBe(0.75)
    expect(calculateGain('sigmoid')).toBe(1)
  })

  test('Assign with another number of values is E219 and appends nothing', () => {
    const program = new Program(ops)
    const block = program.globalBlock()
    const target = block.createParameter({ name: 'p', shape: [2, 2] })
    const { edits } = program
    let error: unknown
    try {
      initializer.Assign([1, 2, 3]).append(block, target)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect((error as InvalidArgumentError).code).toBe('E219')
    expect((error as InvalidArgumentError).expected).toBe(4)
    expect(program.edits).toBe(edits)
    expect(block.ops).toHaveLength(0)
  })

  test.each(['float64', 'int32', 'int64', 'bool'] as const)('Assign sets a %s parameter', (dtype) => {
    const program = new Program(ops)
    const block = program.globalBlock()
    initializer.Assign([1, 0, 1]).append(block, block.createParameter({ name: 'p', shape: [3], dtype }))
    const executor = new Executor()
    executor.run(program)
    const got = executor.scope.get('p') as { dtype: string; toArray(): unknown }
    expect(got.dtype).toBe(dtype)
    expect(got.toArray()).toEqual(dtype === 'bool' ? [true, false, true] : [1, 0, 1])
  })
})
