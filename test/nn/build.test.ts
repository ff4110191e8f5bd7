/** The programs that Paddle 2.6.2 recorded, written in TypeScript: equal op for op and name for name, before and after minimize. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { comparePrograms } from '../../src/framework/diff.ts'
import type { Program } from '../../src/framework/program.ts'
import type { Variable } from '../../src/framework/variable.ts'
import { build, input } from '../../src/modes/static.ts'
import * as nn from '../../src/nn/index.ts'
import * as optimizer from '../../src/optimizer/index.ts'
import type { Optimizer } from '../../src/optimizer/optimizer.ts'
import { Recording } from '../../tools/replay/recording.ts'

const { dropout, fc, mean, sigmoid, softmaxWithCrossEntropy, squareErrorCost, tanh } = nn.functional
const FOLDER = fileURLToPath(new URL('../golden/programs/', import.meta.url))

interface Model {
  /** What make_programs.py writes in Python; returns the loss. */
  readonly net: () => Variable
  readonly optimizer: () => Optimizer
}

const classes = (): [Variable, Variable] => [input('x', [null, 16]), input('y', [null, 1], 'int64')]
const classifier = (hidden: (h: Variable) => Variable) => (): Variable => {
  const [x, y] = classes()
  const logits = fc(hidden(fc(x, 8, { activation: 'relu' })), 3)
  return mean(softmaxWithCrossEntropy(logits, y))
}

const MODELS: Readonly<Record<string, Model>> = {
  linear_sgd: {
    net: () => {
      const x = input('x', [null, 4])
      const y = input('y', [null, 1])
      return mean(squareErrorCost(fc(x, 1), y))
    },
    optimizer: () => new optimizer.SGD({ learningRate: 0.05 }),
  },
  mlp_adam: {
    net: classifier((h) => h),
    optimizer: () => new optimizer.Adam({ learningRate: 0.01 }),
  },
  dropout_program_seed: {
    net: classifier((h) => dropout(h, { p: 0.4 })),
    optimizer: () => new optimizer.SGD({ learningRate: 0.1 }),
  },
  dropout_generator_seed: {
    net: classifier((h) => dropout(h, { p: 0.4, mode: 'downscale_in_infer' })),
    optimizer: () => new optimizer.SGD({ learningRate: 0.1 }),
  },
  shared_parameter: {
    net: () => {
      const x = input('x', [null, 6])
      const y = input('y', [null, 6])
      const weightAttr = { name: 'shared_w' }
      const h = fc(x, 6, { weightAttr, biasAttr: false, activation: 'tanh' })
      return mean(squareErrorCost(fc(h, 6, { weightAttr, biasAttr: false }), y))
    },
    optimizer: () => new optimizer.Adam({ learningRate: 0.01 }),
  },
  fan_out_five: {
    net: () => {
      const h = fc(input('x', [null, 4]), 4)
      const a = tanh(h)
      const b = sigmoid(h)
      const c = h.mul(a)
      const d = h.mul(0.1).exp()
      const e = h.add(h)
      return mean(a.add(b).add(c).add(d).add(e))
    },
    optimizer: () => new optimizer.SGD({ learningRate: 0.1 }),
  },
  stop_gradient_branch: {
    net: () => {
      const [x, y] = classes()
      const a = fc(x, 8, { activation: 'relu' })
      const b = fc(x, 8, { activation: 'tanh' })
      b.stopGradient = true
      return mean(softmaxWithCrossEntropy(fc(a.add(b), 3), y))
    },
    optimizer: () => new optimizer.Adam({ learningRate: 0.01 }),
  },
}

/** All differences: comparePrograms stops at the first operator of another type, so the number of operators counts too. */
function differences(recorded: Program, made: Program): string[] {
  const counts = [recorded, made].map((program) => program.globalBlock().ops.length)
  return [
    ...comparePrograms(recorded, made),
    ...(counts[0] === counts[1] ? [] : [`${counts[1]} operators, recorded ${counts[0]}`]),
  ]
}

describe('programs written in TypeScript are those that Paddle recorded', () => {
  test.each(Object.entries(MODELS))('%s', (name, model) => {
    const recording = new Recording(`${FOLDER}${name}`)
    const { meta } = recording
    const recorded = (stage: string): Program => recording.program(stage)!
    expect(recorded('main').globalBlock().ops.length).toBeGreaterThan(5)

    const { main, startup, out: loss } = build(model.net, { seed: meta.random_seed })
    expect(loss.name).toBe(meta.minimize[0]!.loss)
    expect(differences(recorded('main_before_backward'), main)).toEqual([])
    expect(differences(recorded('startup_before_backward'), startup)).toEqual([])
    for (const [key, next] of Object.entries(meta.unique_names_before_backward!)) {
      expect(main.names.count(key), `counter ${key}`).toBe(next)
    }
    expect(main.parameters().map(({ name, shape }) => ({ name, shape }))).toEqual(
      meta.parameters!.map(({ name, shape }: { name: string; shape?: readonly number[] }) => ({ name, shape })),
    )
    const testProgram = recording.program('test')
    if (testProgram !== undefined) expect(differences(testProgram, main.clone({ forTest: true }))).toEqual([])

    const { paramsGrads } = model.optimizer().minimize(loss)
    expect(differences(recorded('main'), main)).toEqual([])
    expect(differences(recorded('startup'), startup)).toEqual([])
    expect(paramsGrads.map(({ param, grad }) => [param.name, grad.name]).sort()).toEqual(
      [...meta.minimize[0]!.params_grads!].map((pair) => [...pair]).sort(),
    )
    for (const [key, next] of Object.entries(meta.unique_names_after!)) {
      expect(main.names.count(key), `counter ${key} after minimize`).toBe(next)
    }
  })

  test('the comparison sees a difference where there is one', () => {
    const recording = new Recording(`${FOLDER}linear_sgd`)
    const { main } = build(() => mean(squareErrorCost(fc(input('x', [null, 4]), 2), input('y', [null, 2]))), {
      seed: recording.meta.random_seed,
    })
    expect(differences(recording.program('main_before_backward')!, main)).not.toEqual([])
  })
})
