/**
 * appendBackward and gradients on small programs: values against central differences in float64, names against Paddle 2.6.2's rules
 * (recorded programs are compared op for op in golden_programs.test.ts).
 */
import { describe, expect, test } from 'vitest'
import { EnforceError } from '../../src/errors.ts'
import { Executor } from '../../src/executor/executor.ts'
import type { FeedValue } from '../../src/executor/feed.ts'
import { appendBackward, gradients } from '../../src/framework/autodiff/backward.ts'
import { OpRole } from '../../src/framework/op_role.ts'
import type { Program } from '../../src/framework/program.ts'
import type { Variable } from '../../src/framework/variable.ts'
import { verify } from '../../src/framework/verify.ts'
import { callOp } from '../../src/modes/call.ts'
import { build, input } from '../../src/modes/static.ts'
import * as nn from '../../src/nn/index.ts'
import { ops } from '../../src/ops/index.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

function failure(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const data = (name: string, shape: (number | null)[]): Variable => input(name, shape, 'float64')
/** Numbers in (-1, 1) that repeat on every machine, none near 0. */
function values(count: number, seed: number): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (state * 1103515245 + 12345) % 2147483648
    const x = (state / 2147483648) * 1.8 - 0.9
    return Math.abs(x) < 0.05 ? x + 0.1 : x
  })
}
const fed = (shape: number[], seed: number): Tensor =>
  tensor(
    values(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    'float64',
    shape,
  )

interface Net {
  /** Returns the loss; every float64 input is fed. */
  readonly net: () => Variable
  readonly feed: Readonly<Record<string, FeedValue>>
}

const NETS: Readonly<Record<string, Net>> = {
  'two layers and a mean square': {
    net: () => {
      const h = nn.functional.tanh(nn.functional.fc(data('x', [null, 3]), 4))
      return nn.functional
        .fc(h, 2)
        .sub(data('y', [null, 2]))
        .square()
        .mean()
    },
    feed: { x: fed([5, 3], 1), y: fed([5, 2], 2) },
  },
  'softmax and cross entropy': {
    net: () => {
      const logits = nn.functional.fc(data('x', [null, 3]), 4)
      return nn.functional.crossEntropy(logits, input('label', [null, 1], 'int64'))
    },
    feed: { x: fed([4, 3], 3), label: tensor([[0], [3], [1], [3]], 'int64') },
  },
  'one value read by five operators': {
    net: () => {
      const h = nn.functional.fc(data('x', [null, 3]), 3)
      return h.tanh().add(h.sigmoid()).add(h.mul(h.tanh())).add(h.mul(0.1).exp()).add(h.add(h)).mean()
    },
    feed: { x: fed([2, 3], 4) },
  },
  'one parameter used twice': {
    net: () => {
      const weightAttr = { name: 'shared' }
      const h = nn.functional.fc(data('x', [null, 3]), 3, { weightAttr, biasAttr: false, activation: 'tanh' })
      return nn.functional.fc(h, 3, { weightAttr, biasAttr: false }).square().sum()
    },
    feed: { x: fed([2, 3], 5) },
  },
  'the same operand on both sides': {
    net: () => {
      const h = nn.functional.fc(data('x', [null, 3]), 3, { biasAttr: false })
      return h
        .mul(h)
        .add(h.div(h.square().add(1)))
        .mean()
    },
    feed: { x: fed([3, 3], 6) },
  },
  'reshape, transpose, concat and matmul': {
    net: () => {
      const h = nn.functional.fc(data('x', [4, 6]), 6)
      const { Out: folded } = callOp(ops.reshape2, { X: h, ShapeTensor: [] }, { shape: [4, 2, 3] })
      const { Out: turned } = callOp(ops.transpose2, { X: folded }, { axis: [0, 2, 1] })
      const { Out: joined } = callOp(ops.concat, { X: [turned, turned.mul(2)] }, { axis: 1 })
      return joined.matmul(folded.tanh()).square().mean()
    },
    feed: { x: fed([4, 6], 7) },
  },
  'broadcasting, exp, log, sqrt, clip and reductions': {
    net: () => {
      const h = nn.functional.fc(data('x', [null, 3]), 3)
      const positive = h.square().add(0.5)
      const share = positive.div(positive.sum(1, true))
      const { Out: clipped } = callOp(ops.clip, { X: h }, { min: -0.05, max: 10 })
      return share.log().add(positive.sqrt()).sub(h.mul(-1).exp().mean(0)).add(clipped).mean()
    },
    feed: { x: fed([3, 3], 8) },
  },
  'dropout with a seed of its own': {
    net: () =>
      nn.functional
        .dropout(nn.functional.fc(data('x', [null, 5]), 5).tanh(), { p: 0.4 })
        .square()
        .sum(),
    feed: { x: fed([4, 5], 9) },
  },
  'a chain of in-place operators': {
    net: () => {
      const h = nn.functional.fc(data('x', [null, 3]), 3)
      const a = h.mul(2)
      return a.add(3).square().mean()
    },
    feed: { x: fed([2, 3], 10) },
  },
}

/** Central differences of the loss by every element of `name`, which lives in the scope. */
function differences(executor: Executor, program: Program, loss: string, name: string, feed: Net['feed']): number[] {
  const at = executor.scope.get(name) as Tensor
  const step = 1e-5
  const value = (): number => (executor.run(program, { feed, fetch: [loss] })[0] as Tensor).item() as number
  return Array.from({ length: at.size }, (_, i) => {
    const side = [step, -step].map((shift) => {
      const moved = at.clone()
      moved.data[i] = (moved.data[i] as number) + shift
      executor.scope.set(name, moved)
      return value()
    })
    executor.scope.set(name, at)
    return (side[0]! - side[1]!) / (2 * step)
  })
}

function expectClose(got: Tensor, wanted: readonly number[], label: string): void {
  const largest = Math.max(...wanted.map(Math.abs))
  expect(got.size, label).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) {
    // goals.md: relative 1e-7 of the larger of the element and a thousandth of the largest, with the difference's own rounding of 1e-10.
    const allowed = 1e-7 * Math.max(Math.abs(wanted[i]!), 1e-3 * largest) + 2e-10
    expect(Math.abs((got.at(i) as number) - wanted[i]!), `${label}, element ${i}`).toBeLessThanOrEqual(allowed)
  }
}

describe('gradients of small programs agree with central differences in float64', () => {
  test.each(Object.entries(NETS))('%s', (_, { net, feed }) => {
    const { main, startup, out: loss } = build(net, { seed: 11 })
    const forward = main.clone()
    const x = main.globalBlock().var('x')
    x.stopGradient = false
    const pairs = appendBackward(loss)
    expect(pairs.map(({ param }) => param.name)).toEqual(main.parameters().map(({ name }) => name))
    expect(verify(main).filter((issue) => issue.code.startsWith('E'))).toEqual([])
    for (const engine of ['plan', 'interpreter'] as const) {
      const executor = new Executor({ engine })
      executor.run(startup)
      // Biases start at 0, where nothing of their own is seen.
      for (const { param } of pairs)
        if (param.name.includes('.b_')) executor.scope.set(param.name, fed([...param.shape], 21))
      const got = executor.run(main, { feed, fetch: [...pairs.map(({ grad }) => grad), 'x@GRAD'] }) as Tensor[]
      pairs.forEach(({ param }, i) => {
        expectClose(got[i]!, differences(executor, forward, loss.name, param.name, feed), param.name)
      })
      // The data, held in the scope in place of being fed.
      const { x: given, ...rest } = feed
      executor.scope.set('x', given as Tensor)
      expectClose(got[pairs.length]!, differences(executor, forward, loss.name, 'x', rest), 'x')
    }
  })
})

describe('what gets a gradient', () => {
  const run = (main: Program, startup: Program, feed: Net['feed'], fetch: readonly (Variable | string)[]): Tensor[] => {
    const executor = new Executor()
    executor.run(startup)
    return executor.run(main, { feed, fetch }) as Tensor[]
  }

  test('nothing flows into a variable of noGradSet, and what only it leads to is left out', () => {
    const { main, out } = build(() => {
      const a = nn.functional.fc(data('x', [null, 2]), 2)
      const b = nn.functional.fc(a.tanh(), 2)
      return { a, b, loss: b.mean() }
    })
    const pairs = appendBackward(out.loss, { noGradSet: [out.a] })
    expect(pairs.map(({ param }) => param.name)).toEqual(['fc_1.w_0', 'fc_1.b_0'])
    expect(main.globalBlock().hasVar('fc_0.tmp_1@GRAD')).toBe(false)
    expect(main.globalBlock().ops.map((op) => op.type)).not.toContain('tanh_grad')
    const byName = build(() => nn.functional.fc(nn.functional.fc(data('x', [null, 2]), 2), 2).mean())
    expect(appendBackward(byName.out, { noGradSet: ['fc_0.tmp_1'] }).map(({ param }) => param.name)).toEqual([
      'fc_1.w_0',
      'fc_1.b_0',
    ])
  })

  test('stopGradient on a branch cuts it and leaves the other with its full gradient', () => {
    const { main, startup, out } = build(() => {
      const x = data('x', [null, 2])
      const initial = { initializer: nn.initializer.Constant(0.5) }
      const a = nn.functional.fc(x, 2, { weightAttr: initial, biasAttr: false })
      const b = nn.functional.fc(x, 2, { weightAttr: initial, biasAttr: false })
      b.stopGradient = true
      return a.mul(b).sum()
    })
    const pairs = appendBackward(out)
    expect(pairs.map(({ param }) => param.name)).toEqual(['fc_0.w_0'])
    // d/dW sum((xW) * c) = x^T c with c = x W2, every element of which is (1 + 2) / 2.
    const [grad] = run(main, startup, { x: tensor([[1, 2]], 'float64') }, [pairs[0]!.grad])
    expect(grad!.toArray()).toEqual([
      [1.5, 1.5],
      [3, 3],
    ])
  })

  test('a parameter that the loss does not depend on has no pair and no variable', () => {
    const { main, out } = build(() => {
      const x = data('x', [null, 2])
      nn.functional.fc(x, 3)
      return nn.functional.fc(x, 2).mean()
    })
    expect(appendBackward(out).map(({ param }) => param.name)).toEqual(['fc_1.w_0', 'fc_1.b_0'])
    expect(
      [...main.globalBlock().vars.keys()].filter((name) => name.startsWith('fc_0') && name.includes('@GRAD')),
    ).toEqual([])
  })

  test('parameterList gives exactly those, in its order; an unknown one is E302', () => {
    const make = (): Variable => build(() => nn.functional.fc(nn.functional.fc(data('x', [null, 2]), 2), 2).mean()).out
    expect(appendBackward(make(), { parameterList: ['fc_1.b_0', 'fc_0.w_0'] }).map(({ param }) => param.name)).toEqual([
      'fc_1.b_0',
      'fc_0.w_0',
    ])
    const loss = make()
    const { edits } = loss.block.program
    expect(failure(() => appendBackward(loss, { parameterList: ['x'] })).code).toBe('E302')
    expect(failure(() => appendBackward(loss, { parameterList: ['nobody'] })).category).toBe('NotFound')
    expect(loss.block.program.edits).toBe(edits)
  })

  test('a parameter that is not trainable gets none', () => {
    const { out } = build(() => nn.functional.fc(data('x', [null, 2]), 2, { weightAttr: { trainable: false } }).mean())
    expect(appendBackward(out).map(({ param }) => param.name)).toEqual(['fc_0.b_0'])
  })

  test('the gradient of a target by an input that it does not depend on is null', () => {
    const { out } = build(() => {
      const x = data('x', [2])
      const y = data('y', [2])
      for (const variable of [x, y]) variable.stopGradient = false
      return { x, y, loss: x.square().sum(), other: y.tanh() }
    })
    const result = gradients(out.loss, [out.y, out.x, out.other])
    expect(result.map((variable) => variable?.name ?? null)).toEqual([null, 'x@GRAD', null])
  })

  test('a target gradient takes the place of ones; several targets add up', () => {
    const { main, startup, out } = build(() => {
      const x = data('x', [3])
      x.stopGradient = false
      return { x, a: x.square(), b: x.mul(5), g: data('g', [3]) }
    })
    const [grad] = gradients([out.a, out.b], [out.x], { targetGradients: [out.g, null] })
    const feed = { x: tensor([1, 2, 3], 'float64'), g: tensor([1, 10, 100], 'float64') }
    // 2 x g + 5.
    expect(run(main, startup, feed, [grad!])[0]!.toArray()).toEqual([7, 45, 605])
  })

  test('second derivatives: gradients of gradients', () => {
    const { main, startup, out } = build(() => {
      const x = data('x', [2])
      x.stopGradient = false
      return { x, y: x.mul(x).mul(x).sum() }
    })
    const error = ((): EnforceError | undefined => {
      try {
        const [first] = gradients(out.y, [out.x])
        const [second] = gradients(first!, [out.x])
        // 6 x.
        expect(run(main, startup, { x: tensor([1, -2], 'float64') }, [second!])[0]!.toArray()).toEqual([6, -12])
      } catch (caught) {
        if (caught instanceof EnforceError) return caught
        throw caught
      }
      return undefined
    })()
    // Until elementwise_mul_grad has a gradient here, asking for it is a typed error that names it.
    if (error !== undefined)
      expect(error).toMatchObject({ category: 'Unimplemented', where: { opType: 'elementwise_mul_grad' } })
  })
})

describe('names and roles', () => {
  test('Paddle: x@GRAD, the loss and its gradient carry the loss role, a gradient its role variables', () => {
    const { main, out } = build(() => nn.functional.fc(data('x', [null, 2]), 2, { biasAttr: false }).mean())
    const [pair] = appendBackward(out)
    const { ops: all } = main.globalBlock()
    expect(pair!.grad.name).toBe('fc_0.w_0@GRAD')
    expect(all.map((op) => [op.type, op.role])).toEqual([
      ['mul', 0],
      ['reduce_mean', OpRole.Forward | OpRole.Loss],
      ['fill_constant', OpRole.Backward | OpRole.Loss],
      ['reduce_mean_grad', OpRole.Backward],
      ['mul_grad', OpRole.Backward],
    ])
    expect(all[4]!.roleVars).toEqual(['fc_0.w_0', 'fc_0.w_0@GRAD'])
    expect(all[2]!.outputs['Out']).toEqual(['mean_0.tmp_0@GRAD'])
  })

  test('partial gradients are named @RENAME@block0@n in the order of production and summed before they are read', () => {
    const { main, out } = build(() => {
      const h = nn.functional.fc(data('x', [null, 2]), 2, { biasAttr: false })
      return h.add(h.tanh()).add(h.sigmoid()).mean()
    })
    appendBackward(out)
    const sum = main.globalBlock().ops.filter((op) => op.type === 'sum')
    expect(sum.map((op) => [op.inputs['X'], op.outputs['Out']])).toEqual([
      [[0, 1, 2].map((n) => `fc_0.tmp_0@GRAD@RENAME@block0@${n}`), ['fc_0.tmp_0@GRAD']],
    ])
    const at = main.globalBlock().ops.indexOf(sum[0]!)
    expect(main.globalBlock().ops[at + 1]!.type).toBe('mul_grad')
  })

  test('a second appendBackward prefixes what exists with grad/grad/, and renames the gradient of the same loss', () => {
    const { main, startup, out } = build(() => {
      const h = nn.functional.fc(data('x', [null, 2]), 1, {
        biasAttr: false,
        weightAttr: { initializer: nn.initializer.Constant(1) },
      })
      return { first: h.mean(), second: h.square().sum() }
    })
    const [one] = appendBackward(out.first)
    const [two] = appendBackward(out.second)
    const [three] = appendBackward(out.first)
    expect([one, two, three].map((pair) => pair!.grad.name)).toEqual([
      'fc_0.w_0@GRAD',
      'grad/grad/fc_0.w_0@GRAD',
      'grad/grad/grad/fc_0.w_0@GRAD',
    ])
    const fills = main
      .globalBlock()
      .ops.filter((op) => op.type === 'fill_constant')
      .map((op) => op.outputs['Out']![0])
    expect(fills).toEqual([`${out.first.name}@GRAD`, `${out.second.name}@GRAD`, `${out.first.name}@GRAD_0`])
    expect(main.appendingGradTimes).toBe(3)
    const executor = new Executor()
    executor.run(startup)
    const grads = executor.run(main, {
      feed: {
        x: tensor(
          [
            [1, 2],
            [3, 4],
          ],
          'float64',
        ),
      },
      fetch: [one!.grad, two!.grad, three!.grad],
    })
    // h = x W = [3, 7]: d mean = column means [2, 3]; d sum(h^2) = 2 x^T h = 2 [3 + 21, 6 + 28].
    expect(grads.map((grad) => (grad as Tensor).toArray())).toEqual([
      [[2], [3]],
      [[48], [68]],
      [[2], [3]],
    ])
  })

  test('backward of a 0-D loss starts from a 0-D one, of a [1] loss from a [1] one', () => {
    for (const keepDim of [false, true]) {
      const { main, out } = build(() => nn.functional.fc(data('x', [1, 1]), 1).mean(undefined, keepDim))
      appendBackward(out)
      const fill = main.globalBlock().ops.find((op) => op.type === 'fill_constant')!
      expect(fill.attrs['shape']).toEqual(keepDim ? [1] : [])
    }
  })
})

describe('errors leave the program as it was', () => {
  test.each<[string, () => { loss: Variable; options?: Parameters<typeof appendBackward>[1] }, string]>([
    ['a loss of several elements', () => ({ loss: build(() => nn.functional.fc(data('x', [2, 2]), 2)).out }), 'E301'],
    [
      'a loss of an unknown number of elements',
      () => ({ loss: build(() => nn.functional.fc(data('x', [null, 2]), 1)).out }),
      'E301',
    ],
    ['a loss that no operator writes', () => ({ loss: build(() => data('x', [1])).out }), 'E301'],
    [
      'checkpoints',
      () => {
        const { out } = build(() => nn.functional.fc(data('x', [2, 2]), 2).mean())
        return { loss: out, options: { checkpoints: [out] } }
      },
      'E405',
    ],
  ])('%s', (_, make, code) => {
    const { loss, options } = make()
    const { program } = loss.block
    const before = JSON.stringify(program.toJSON())
    const { edits, appendingGradTimes } = program
    expect(failure(() => appendBackward(loss, options)).code).toBe(code)
    expect(JSON.stringify(program.toJSON())).toBe(before)
    expect([program.edits, program.appendingGradTimes]).toEqual([edits, appendingGradTimes])
  })

  test('gradients: E303 for no target, another program, another number or shape of target gradients', () => {
    const { out } = build(() => {
      const x = data('x', [2])
      x.stopGradient = false
      return { x, y: x.square(), wrong: data('wrong', [3]) }
    })
    const other = build(() => data('x', [2])).out
    const before = JSON.stringify(out.x.block.program.toJSON())
    for (const body of [
      () => gradients([], [out.x]),
      () => gradients(out.y, [other]),
      () => gradients(out.y, [out.x], { targetGradients: [] }),
      () => gradients(out.y, [out.x], { targetGradients: [out.wrong] }),
    ]) {
      expect(failure(body).code).toBe('E303')
    }
    expect(JSON.stringify(out.x.block.program.toJSON())).toBe(before)
  })
})
