/**
 * No attribute is declared and then forgotten: over the recorded cases of an operator each is read by inference, gradient or kernel, or its
 * documentation says that it has no effect. What is fused into an operator by other back ends is refused. That names, types and defaults are
 * Paddle's is tested in test/conformance.test.ts.
 */
import { describe, expect, it, test } from 'vitest'
import { Executor } from '../../src/compiler/executor.ts'
import type { Attr } from '../../src/framework/attr_value.ts'
import type { AnyOpDef } from '../../src/framework/op_def.ts'
import { Program } from '../../src/framework/program.ts'
import { verify } from '../../src/framework/verify.ts'
import { ops } from '../../src/ops/index.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { corrected } from './corrections.ts'
import { runGoldenCase } from './golden_case.ts'
import { caseTypes, goldenCases, library } from './op_case.ts'

/** Attributes that are read, but in no recorded case. */
const READ_ELSEWHERE: Readonly<Record<string, string>> = {
  'assign_value.fp64_values': 'for float64',
  'momentum.rescale_grad': 'with multi_precision alone, as `differs` says',
  'rnn.seed': 'where dropout_prob is above 0',
  'adamw.lazy_mode': 'with selected rows, of which Paddle has no case: its CPU kernel crashes',
  'lookup_table.is_sparse': 'by the framework, which asks for the kind of the gradient variable',
  'lookup_table_v2.is_sparse': 'by the framework, which asks for the kind of the gradient variable',
  'p_norm.epsilon': 'by the gradient operator alone',
}

/** The definition with attributes that note in `read` which of them are asked for. */
function watched(def: AnyOpDef, read: Set<string>): AnyOpDef {
  const watch = (attrs: object): object =>
    new Proxy(attrs, {
      get(target, name) {
        read.add(String(name))
        return Reflect.get(target, name)
      },
    })
  const kernels: Record<string, unknown> = {}
  for (const [name, kernel] of Object.entries(def.kernels) as [string, (...args: unknown[]) => void][]) {
    const onVariables = name === 'scope' || name === 'selectedRows'
    kernels[name] = (...args: unknown[]) => {
      if (!onVariables) return kernel(args[0], watch(args[1] as object), ...args.slice(2))
      const ctx = args[0] as { attrs: object }
      kernel(
        new Proxy(ctx, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name)
            if (name === 'attrs') return watch(value as object)
            return typeof value === 'function' ? value.bind(target) : value
          },
        }),
      )
    }
  }
  const { grad } = def
  return {
    ...def,
    inferMeta: (inputs, attrs, ctx) => def.inferMeta(inputs, watch(attrs), ctx),
    grad: typeof grad === 'function' ? (g) => grad({ ...g, attrs: watch(g.attrs) }) : grad,
    kernels,
  }
}

describe('every attribute is read, or documented to have no effect:', () => {
  test.each(caseTypes())('%s', (type) => {
    const def = library[type]!
    const read = new Set<string>()
    const watching = { ...ops, [type]: watched(def, read) }
    for (const golden of goldenCases(type)) runGoldenCase(corrected(golden), watching)
    const forgotten = Object.entries(def.attrs as Record<string, Attr>).filter(
      ([name, { doc }]) => !read.has(name) && !/no effect|without effect/.test(doc),
    )
    expect(forgotten.map(([name]) => `${type}.${name}`).filter((name) => READ_ELSEWHERE[name] === undefined)).toEqual(
      [],
    )
  })
})

describe('what is fused into an operator', () => {
  const program = (attrs: Record<string, unknown>): Program => {
    const made = new Program(library)
    const block = made.globalBlock()
    block.createVar({ name: 'x', dtype: 'float32', shape: [1, 1, 2, 2], persistable: true })
    block.createVar({ name: 'w', dtype: 'float32', shape: [1, 1, 1, 1], persistable: true })
    block.appendOp({ type: 'conv2d', inputs: { Input: 'x', Filter: 'w' }, outputs: { Output: 'y' }, attrs })
    return made
  }
  const run = (attrs: Record<string, unknown>): unknown => {
    const executor = new Executor()
    executor.scope.set('x', Tensor.zeros('float32', [1, 1, 2, 2]))
    executor.scope.set('w', Tensor.zeros('float32', [1, 1, 1, 1]))
    return executor.run(program(attrs), { fetch: ['y'] })
  }

  it.each([
    { fuse_relu: true, use_mkldnn: true },
    { fuse_activation: 'relu', use_mkldnn: true },
    { fuse_residual_connection: true },
  ])('is refused by verify and run: %j', (attrs) => {
    expect(verify(program(attrs)).map(({ code }) => code)).toEqual(['E410'])
    expect(() => run(attrs)).toThrowError(expect.objectContaining({ code: 'E410', category: 'Unimplemented' }))
  })

  it('is nothing where the attributes say so, as they stand in files', () => {
    const attrs = { fuse_relu: false, fuse_activation: '', fuse_alpha: 0.5, fuse_beta: 0, use_mkldnn: true }
    expect(verify(program(attrs))).toEqual([])
    expect(run(attrs)).toHaveLength(1)
  })
})
