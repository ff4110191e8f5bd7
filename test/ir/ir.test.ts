/** `oarlock/ir` against the whole library: the same programs, texts, bytes and findings, from signatures in place of definitions. */
import { describe, expect, test } from 'vitest'
import { Operator, type OperatorParts } from '../../src/framework/operator.ts'
import type { Program as AnyProgram } from '../../src/framework/program.ts'
import * as whole from '../../src/index.ts'
import * as ir from '../../src/ir/index.ts'
import { readGolden } from '../golden.ts'
import { golden, goldenNames, thrown } from '../io/damage.ts'

const MODELS = [
  'inference/model.pdmodel',
  'jit_save/net.pdmodel',
  'legacy_combined/__model__',
  'legacy_separate/__model__',
  'static_save/train.pdmodel',
  ...goldenNames('programs')
    .filter((name) => name.endsWith('.pdmodel'))
    .map((name) => `programs/${name}`),
]
/** Main programs with backward, optimizers, mixed precision and clipping, as Paddle's operators were recorded. */
const RECORDED = ['mlp_adam', 'amp_o2_mlp_adam', 'mlp_adam_global_clip', 'dropout_program_seed', 'amp_o1_lenet_adam']

describe('signatures', () => {
  test('are those of the definitions, in their order', () => {
    expect(Object.keys(ir.signatures).sort()).toEqual(Object.keys(whole.ops).sort())
    for (const [type, def] of Object.entries(whole.ops) as [string, whole.AnyOpDef][]) {
      const signature = ir.signatures[type]!
      for (const side of ['inputs', 'outputs'] as const) {
        const arities = (slots: whole.Slots) => Object.entries(slots).map(([name, { arity }]) => [name, arity])
        expect(arities(signature[side]), `${side} of ${type}`).toEqual(arities(def[side]))
      }
      const attrs = ({ attrs }: whole.AnyOpDef) =>
        Object.entries(attrs).map(([name, { type, default: value, required, extra, meaning }]) => [
          name,
          { type, value, required, extra, meaning },
        ])
      expect(attrs(signature), `attributes of ${type}`).toEqual(attrs(def))
      expect(signature.dropInTest, type).toEqual(def.dropInTest)
    }
  })
})

describe('a program of Paddle', () => {
  test.each(MODELS)('%s: the same bytes, JSON and listing as from the whole library', (file) => {
    const bytes = golden(file)
    const program = ir.Program.from(bytes)
    expect(program.toProto()).toEqual(bytes)
    const known = whole.Program.from(bytes)
    const text = ir.stringifyProgramJson(program.toJSON())
    expect(text).toBe(whole.stringifyProgramJson(known.toJSON()))
    expect(ir.formatProgram(program)).toBe(whole.formatProgram(known))
    expect(ir.Program.from(text).toProto()).toEqual(whole.Program.from(text).toProto())
    expect(program.clone({ forTest: true }).toProto()).toEqual(known.clone({ forTest: true }).toProto())
    expect(ir.verify(program)).toEqual(withoutInference(whole.verify(known)))
  })

  test.each(RECORDED)('%s goes through bytes', (name) => {
    const json = readGolden(`programs/${name}/main.json.gz`)
    expect(ir.Program.from(json).toProto()).toEqual(whole.Program.from(json).toProto())
  })
})

/** What `verify` finds without inferring shapes and element types. */
const NAMES_ALONE = ['E201', 'E205', 'E206', 'E207', 'E219', 'E220', 'E221', 'E223', 'E401', 'W110', 'W111', 'W112']
const withoutInference = (issues: readonly whole.Issue[]) => issues.filter(({ code }) => NAMES_ALONE.includes(code))

/** LONGS that hold dimensions are plain LONGS in signatures. */
const withoutChecks = (issues: readonly whole.Issue[]): whole.Issue[] =>
  JSON.parse(JSON.stringify(issues).replaceAll('a list of dimensions', 'a list of 64-bit whole numbers'))

describe('verify', () => {
  type Change = (parts: OperatorParts) => Partial<OperatorParts>
  const first = (slots: Readonly<Record<string, readonly string[]>>) => Object.keys(slots)[0] ?? 'X'
  const changes: Readonly<Record<string, Change>> = {
    'an operator that nobody knows': ({ type }) => ({ type: `${type}_` }),
    'an input slot that it does not have': ({ inputs }) => ({ inputs: { ...inputs, Nothing: ['x'] } }),
    'an output slot that it does not have': ({ outputs }) => ({ outputs: { ...outputs, Nothing: ['x'] } }),
    'no inputs': () => ({ inputs: {} }),
    'no outputs': () => ({ outputs: {} }),
    'two names in an output slot': ({ outputs }) => ({
      outputs: { ...outputs, [first(outputs)]: [...(outputs[first(outputs)] ?? []), 'twice'] },
    }),
    'a variable that is not declared': ({ inputs }) => ({ inputs: { ...inputs, [first(inputs)]: ['nowhere'] } }),
    'an attribute that it does not have': ({ attrs }) => ({ attrs: { ...attrs, of_nobody: 1 } }),
    'attributes of the wrong type': ({ attrs }) => ({
      attrs: Object.fromEntries(Object.keys(attrs).map((name) => [name, { wrong: true } as never])),
    }),
    'no attributes': () => ({ attrs: {} }),
  }

  /** Each operator of the program changed alone, in both libraries. */
  test.each(Object.keys(changes))('finds %s', (name) => {
    // With operators that have attributes without a default.
    const bytes = whole.Program.from(readGolden('programs/amp_o1_lenet_adam/main.json.gz')).toProto()
    const types = new Set<string>()
    let found = 0
    whole.Program.from(bytes)
      .globalBlock()
      .ops.forEach((op, index) => {
        if (types.has(op.type)) return
        types.add(op.type)
        const changed = (program: AnyProgram): AnyProgram => {
          const block = program.globalBlock()
          const parts = block.ops[index]!.parts()
          const ops = [...block.ops]
          ops[index] = new Operator({ ...parts, ...changes[name]!(parts) })
          block.replaceOps(ops)
          return program
        }
        const issues = ir.verify(changed(ir.Program.from(bytes)))
        const known = withoutInference(whole.verify(changed(whole.Program.from(bytes))))
        expect(issues, `${name}: ${op.type}`).toEqual(withoutChecks(known))
        found += issues.length
      })
    expect(types.size).toBeGreaterThan(5)
    expect(found).toBeGreaterThan(0)
  })
})

test('an operator is appended by its names; shapes are left alone', () => {
  const program = new ir.Program()
  const block = program.globalBlock()
  block.createVar({ name: 'x', shape: [-1, 4], needCheckFeed: true })
  block.createVar({ name: 'y', shape: [-1, 4] })
  const op = block.appendOp({ type: 'softmax', inputs: { X: 'x' }, outputs: { Out: 'y' } })
  expect(op.attrs['axis']).toBe(-1)
  expect(block.var('y').shape).toEqual([-1, 4])
  expect(ir.verify(program)).toEqual([])
  const wrong = (desc: Partial<ir.AppendOpDesc>) =>
    thrown(() => block.appendOp({ type: 'softmax', inputs: { X: 'x' }, outputs: { Out: 'y' }, ...desc })).code
  expect(wrong({ type: 'softmaxx' })).toBe('E204')
  expect(wrong({ inputs: { Input: 'x' } })).toBe('E205')
  expect(wrong({ inputs: {} })).toBe('E206')
  expect(wrong({ inputs: { X: 'nowhere' } })).toBe('E207')
  expect(wrong({ attrs: { axes: 1 } })).toBe('E209')
  expect(wrong({ attrs: { axis: 'last' } })).toBe('E201')
  expect(program.globalBlock().ops).toHaveLength(1)
})
