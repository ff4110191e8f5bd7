/**
 * Walks the table of operators: what every definition must have, what Paddle 2.6.2 declares of it, and how it behaves on the recorded cases
 * and on thousands of bad ones made from them. Set OARLOCK_ALL_CASES=1 to run all variants of all recorded
 * cases (200,000, a quarter of an hour) instead of a sample of each rule for each operator.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { EnforceError } from '../src/errors.ts'
import type { Executor } from '../src/executor/executor.ts'
import type { Attr } from '../src/framework/attr_value.ts'
import { isBackendHint } from '../src/framework/backend_hints.ts'
import { type AnyOpDef, EMPTY_VAR, type Meta, type Slot } from '../src/framework/op_def.ts'
import { sameAttr } from '../src/framework/op_text.ts'
import { Program } from '../src/framework/program.ts'
import { dtypeToProto, isDType } from '../src/tensor/dtype.ts'
import { Heap } from '../src/tensor/heap.ts'
import { compatibleShapes, formatShape } from '../src/tensor/shape.ts'
import { SelectedRows, Tensor, TensorArray, tensor, type Value } from '../src/tensor/tensor.ts'
import { readGolden } from './golden.ts'
import { compareValues } from './ops/golden_case.ts'
import {
  CaseRunner,
  caseProgram,
  caseTypes,
  differentBits,
  differentValues,
  gradientCases,
  hasCaseFile,
  library,
  metaOf,
  type OpCase,
  type Outcome,
  recordedCases,
} from './ops/op_case.ts'
import { type Variant, variants } from './ops/variants.ts'

const ALL_CASES = process.env.OARLOCK_ALL_CASES === '1'

const definitions: [string, AnyOpDef][] = Object.entries(library)
const isGradient = (type: string): boolean => /_grad2?$/.test(type)

interface ProtoAttr {
  readonly type: string
  readonly default?: unknown
  readonly extra?: boolean
}
interface Proto {
  readonly inputs: Readonly<Record<string, readonly string[]>>
  readonly outputs: Readonly<Record<string, readonly string[]>>
  readonly attrs: Readonly<Record<string, ProtoAttr>>
}
/** Operator definitions read out of paddlepaddle 2.6.2 (784 operators; gradient operators have none). */
const protos = readGolden<{ readonly ops: Readonly<Record<string, Proto>> }>('op_protos.json.gz').ops

/** Operators without a case file, each with the reason. */
const WITHOUT_CASES: Readonly<Record<string, string>> = {
  feed: 'works on the list of fed values of a run; test/executor/executor.test.ts runs saved programs with it',
  fetch: 'works on the list of results of a run; test/executor/executor.test.ts runs saved programs with it',
  conditional_block: 'runs a block of the program; test/ops/control_flow.test.ts, and recorded programs replay with it',
  select_input: 'chooses among variables of which the others have no value; test/ops/control_flow.test.ts',
  while: 'runs a block of the program; test/ops/control_flow.test.ts, and a recorded program replays with it',
  merge_selected_rows: 'takes selected rows only; test/ops/control_flow.test.ts, and recorded programs replay with it',
  get_tensor_from_selected_rows:
    'takes selected rows only; test/ops/control_flow.test.ts, and recorded programs replay with it',
  memcpy: 'copies between devices; recorded programs of automatic mixed precision have it, a CPU has no case for it',
}

/** Outputs whose element type is another one while a program is built, as in Paddle; the run has the recorded one. */
const TYPE_OF_THE_RUN: Readonly<Record<string, string>> = {
  'accuracy.Correct': "Paddle's inference gives it the type of Out, its kernel writes int32",
  'accuracy.Total': "Paddle's inference gives it the type of Out, its kernel writes int32",
}

/** Slots where the definition knowingly differs in arity from Paddle's flags. */
const OTHER_ARITY: Readonly<Record<string, string>> = {
  'assign.inputs.X': "there is nothing to copy without it, and Paddle's kernel fails",
  'feed.inputs.X': 'inference knows nothing of a feed list, so it may not be asked for',
}

/** Outputs that must be written over one input and no other, with that input. */
const FIXED_PLACE: Readonly<Record<string, string>> = {
  'batch_norm.MeanOut': 'Mean',
  'batch_norm.VarianceOut': 'Variance',
}

describe('every definition', () => {
  test.each(definitions)('%s', (key, def) => {
    expect(def.type).toBe(key)
    expect(def.doc.trim(), 'doc').not.toBe('')
    expect(def.doc, 'doc is a sentence').toMatch(/[.:)]$/)
    expect(def.source.trim(), 'source').not.toBe('')
    expect(Object.keys(def.kernels), 'kernels').not.toEqual([])
    for (const [out, input] of Object.entries(def.inplace ?? {})) {
      expect(Object.keys(def.outputs), 'inplace').toContain(out)
      expect(Object.keys(def.inputs), 'inplace').toContain(input)
    }
    for (const [name, slot] of Object.entries({ ...def.inputs, ...def.outputs }) as [string, Slot][]) {
      expect(slot.doc.trim(), `doc of slot ${name}`).not.toBe('')
    }
    for (const [name, attr] of Object.entries(def.attrs) as [string, Attr][]) {
      if (!attr.required) expect(attr.default, `default of ${name}`).toBeDefined()
      // Paddle itself has defaults that its check refuses, so that they must be overwritten.
      const asInPaddle = protos[key.replace(/_grad$/, '')]?.attrs[name]?.default === attr.default
      if (attr.default !== undefined && !asInPaddle) {
        expect(attr.parse(attr.default), `default of ${name} is allowed`).toEqual({ value: attr.default })
      }
    }
  })

  test('is frozen by nothing that another test could rely on: the table has no operator twice', () => {
    expect(new Set(definitions.map(([, def]) => def)).size).toBe(definitions.length)
  })
})

describe('slots and attributes are those of Paddle 2.6.2:', () => {
  const declared = definitions.filter(([type]) => protos[type] !== undefined)

  test('every operator that is no gradient is declared by Paddle', () => {
    expect(Object.keys(protos)).toHaveLength(784)
    const others = definitions.map(([type]) => type).filter((type) => protos[type] === undefined)
    expect(others.filter((type) => !isGradient(type))).toEqual([])
  })

  test.each(declared)('%s', (type, def) => {
    const proto = protos[type]!
    const faults: string[] = []
    for (const side of ['inputs', 'outputs'] as const) {
      const ours = def[side] as Readonly<Record<string, Slot>>
      for (const slot of new Set([...Object.keys(proto[side]), ...Object.keys(ours)])) {
        const flags = proto[side][slot]
        const arity = ours[slot]?.arity
        if (flags === undefined) faults.push(`${side} ${slot}: Paddle has no such slot`)
        else {
          const wanted = flags.includes('duplicable') ? 'many' : flags.includes('dispensable') ? 'optional' : 'one'
          if (arity !== wanted && OTHER_ARITY[`${type}.${side}.${slot}`] === undefined) {
            faults.push(`${side} ${slot}: ${arity ?? 'not declared'}, Paddle's flags [${flags.join()}] mean ${wanted}`)
          }
        }
      }
    }
    for (const [name, attr] of Object.entries(def.attrs) as [string, Attr][]) {
      const wanted = proto.attrs[name]
      if (wanted === undefined) {
        faults.push(`attr ${name}: Paddle has no such attribute`)
        continue
      }
      if (attr.type !== wanted.type) faults.push(`attr ${name}: type ${attr.type}, Paddle's ${wanted.type}`)
      if (attr.extra !== (wanted.extra ?? false))
        faults.push(`attr ${name}: extra ${attr.extra}, Paddle's ${wanted.extra ?? false}`)
      const given = Object.hasOwn(wanted, 'default')
      if (given === attr.required)
        faults.push(`attr ${name}: ${attr.required ? 'must be given' : 'has a default'}, not so in Paddle`)
      if (given && !attr.required && !sameDefault(attr, wanted)) {
        faults.push(`attr ${name}: default ${JSON.stringify(attr.default)}, Paddle's ${JSON.stringify(wanted.default)}`)
      }
    }
    for (const name of Object.keys(proto.attrs)) {
      if (!Object.hasOwn(def.attrs, name) && !isBackendHint(name)) faults.push(`attr ${name} is not declared here`)
    }
    expect(faults).toEqual([])
  })
})

function sameDefault(attr: Attr, wanted: ProtoAttr): boolean {
  if (attr.meaning === 'dtype') {
    const ours = isDType(attr.default) ? dtypeToProto(attr.default) : attr.default
    return ours === wanted.default
  }
  const held = attr.parse(wanted.default)
  // A default may be one that the check refuses, as fill_constant's; it then must be equal as it stands.
  return sameAttr(attr.default, 'value' in held ? held.value : wanted.default)
}

test('every operator that is no gradient has recorded cases, or a reason to have none', () => {
  const without = definitions.map(([type]) => type).filter((type) => !isGradient(type) && !hasCaseFile(type))
  expect(without.filter((type) => WITHOUT_CASES[type] === undefined)).toEqual([])
  expect(
    Object.keys(WITHOUT_CASES).filter((type) => !without.includes(type)),
    'reasons that nobody needs',
  ).toEqual([])
  for (const type of caseTypes())
    expect(
      definitions.map(([key]) => key),
      'a case file',
    ).toContain(type)
})

/** Recorded cases by operator; of gradient operators those that the recorded forward cases lead to. */
const cases = new Map<string, OpCase[]>()
for (const type of caseTypes()) {
  if (library[type] === undefined) continue
  const add = (given: OpCase): void => void cases.set(given.op, [...(cases.get(given.op) ?? []), given])
  for (const given of recordedCases(type)) add(given)
  for (const given of gradientCases(type)) add(given)
}
const operators = [...cases.keys()].sort()

test('every operator of the table has a case to work with, gradient operators one from a backward pass', () => {
  const without = definitions.map(([type]) => type).filter((type) => !cases.has(type))
  expect(without.filter((type) => WITHOUT_CASES[type] === undefined)).toEqual([])
})

describe.each(operators)('%s', (type) => {
  const def = library[type]!
  const own = cases.get(type)!
  const recorded = own.filter((given) => given.recorded !== undefined)
  let runner: CaseRunner
  beforeAll(() => {
    runner = new CaseRunner()
  })
  afterAll(() => {
    runner.dispose()
  })

  test('inferMeta gives the recorded element types and shapes, with known and with unknown dimensions', () => {
    const faults: string[] = []
    for (const given of recorded) {
      for (const unknown of [false, true]) {
        const program = caseProgram(withoutAliases(given), unknown)
        const op = program.globalBlock().ops[0]!
        const metas = program.globalBlock().infer(def, op)
        eachOutput(given, (value, slot, i) => {
          // Of what Paddle leaves unset anything is right; what only a tensor's value says is known in the run alone.
          if (value === null || slot === 'XShape' || TYPE_OF_THE_RUN[`${type}.${slot}`] !== undefined) return
          const fault = disagrees(metas[slot]?.[i], value)
          if (fault !== undefined) faults.push(`${given.label} ${unknown ? 'with -1' : ''} ${slot}[${i}] ${fault}`)
        })
      }
    }
    expect(faults).toEqual([])
  })

  test('results do not depend on what the memory held before', () => {
    const faults: string[] = []
    const clean = own.map((given) => [runner.run(given, 'plan'), runner.run(given, 'interpreter')] as const)
    const allocate = Heap.prototype.allocate
    for (const byte of [0xa5, 0xff]) {
      const spy = vi.spyOn(Heap.prototype, 'allocate').mockImplementation(function (this: Heap, bytes: number): number {
        const address = allocate.call(this, bytes)
        new Uint8Array(this.buffer, address, bytes).fill(byte)
        return address
      })
      try {
        own.forEach((given, k) => {
          ;(['plan', 'interpreter'] as const).forEach((engine, e) => {
            const fault = differs(clean[k]![e], runner.run(given, engine))
            if (fault !== undefined)
              faults.push(`${given.label}, ${engine}, memory of 0x${byte.toString(16)}: ${fault}`)
          })
        })
        expect(spy).toHaveBeenCalled()
      } finally {
        spy.mockRestore()
      }
    }
    expect(faults).toEqual([])
  })

  test('results do not depend on whether an output is written over an input', () => {
    const faults: string[] = []
    for (const given of own) {
      const plain = runner.run(given, 'interpreter')
      if (!plain.ok) {
        faults.push(`${given.label}: ${plain.error.message}`)
        continue
      }
      for (const [out, names] of Object.entries(given.outputs)) {
        for (const [slot, inputs] of Object.entries(given.inputs)) {
          if ((FIXED_PLACE[`${type}.${out}`] ?? slot) !== slot) continue
          names.forEach((name, o) => {
            const result = plain.results[out]![o]
            for (const input of inputs) {
              // Only a variable of the same type and shape can take the result; one that another output has already is no candidate.
              const value = given.values.get(input)
              if (result === undefined || value === undefined || name === EMPTY_VAR) continue
              if (kindOf(value) !== kindOf(result) || Object.values(given.outputs).flat().includes(input)) continue
              const over = { ...given, outputs: { ...given.outputs, [out]: names.with(o, input) } }
              const outcomes = [runner.run(over, 'plan'), runner.run(over, 'interpreter')] as const
              // An operator may refuse such a program, as batch_norm does, whose MeanOut must be Mean; not in one engine alone.
              const refused = outcomes.every((outcome) => !outcome.ok && outcome.error.code === 'E224')
              for (const outcome of refused ? [] : outcomes) {
                const fault = differs(plain, outcome)
                if (fault !== undefined) faults.push(`${given.label}, ${out} over ${slot} "${input}": ${fault}`)
              }
            }
          })
        }
      }
      eachOutput(given, (value, slot, i) => {
        const got = plain.results[slot]?.[i]
        const fault = value === null || got === undefined ? undefined : compareValues(value, got, given.tolerance)
        if (fault !== undefined) faults.push(`${given.label} ${slot}[${i}] is not the recorded value: ${fault}`)
      })
    }
    expect(faults).toEqual([])
  })

  test('generic rules R1 to R22: a result or a typed error, the same from both engines, and the next program runs', {
    timeout: 120_000,
  }, () => {
    expect(ruleFaults(type, own, runner, (label) => !MISSING_OUTPUT.test(label))).toEqual([])
  })
})

/** A mandatory output that the operator does not name: a class of its own, as all kernels write into what they are given. */
const MISSING_OUTPUT = /outputs without |outputs with empty |outputs: .* is @EMPTY@/

test('rule R20: an operator without a mandatory output is a typed error, or runs without it', {
  timeout: 120_000,
}, () => {
  const faults: string[] = []
  const runner = new CaseRunner()
  for (const type of operators) {
    // One line per operator is enough to see which.
    const [first] = ruleFaults(type, cases.get(type)!.slice(0, 1), runner, (label) => MISSING_OUTPUT.test(label))
    if (first !== undefined) faults.push(first)
  }
  runner.dispose()
  expect(faults).toEqual([])
})

let ruleCases = 0
test('the rules made enough cases', () => {
  expect(ruleCases).toBeGreaterThan(6600)
})

/** Runs the variants of some of the cases through both engines; what is not as it must be, at most 20 lines. */
function ruleFaults(
  type: string,
  own: readonly OpCase[],
  runner: CaseRunner,
  wanted: (label: string) => boolean,
): string[] {
  const faults: string[] = []
  for (const [k, base] of (ALL_CASES ? own : spread(own, 2)).entries()) {
    for (const { given } of sampled(variants(base, library[type]!), k === 0 ? 2 : 1)) {
      if (!wanted(given.label)) continue
      if (faults.length >= 20) return faults
      ruleCases++
      const start = performance.now()
      try {
        const plan = runner.run(given, 'plan')
        const interpreter = runner.run(given, 'interpreter')
        const fault = differs(interpreter, plan) ?? faultOfError(plan)
        if (fault !== undefined) faults.push(`${given.label}: ${fault}`)
        if (!plan.ok) {
          const late = runner.run(given, 'plan', true)
          if (late.ok)
            faults.push(`${given.label}: ${plan.error.code} where shapes are known, but runs where they are not`)
        }
      } catch (error) {
        faults.push((error as Error).message.split('\n').slice(0, 2).join(' '))
      }
      const seconds = (performance.now() - start) / 1000
      if (seconds > 2) faults.push(`${given.label}: took ${seconds.toFixed(1)} s`)
      const after = goodRun(runner)
      if (after !== undefined) faults.push(`after ${given.label}: ${after}`)
    }
  }
  return faults
}

/** Of each rule `count` variants, evenly spread; all of them where every case is asked for. */
function sampled(all: Iterable<Variant>, count: number): Variant[] {
  if (ALL_CASES) return [...all]
  const byRule = new Map<string, Variant[]>()
  for (const variant of all) {
    // A missing output is judged apart from the rule that makes it.
    const rule = `${variant.rule} ${MISSING_OUTPUT.test(variant.given.label)}`
    byRule.set(rule, [...(byRule.get(rule) ?? []), variant])
  }
  return [...byRule.values()].flatMap((list) => spread(list, count))
}

/** `count` of the list, evenly spread, the first always among them. */
function spread<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list]
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)]!)
}

/** Whether the error is one that helps: a code of the catalogue's form, a place, a sentence that is not too long, no stack or path. */
function faultOfError(outcome: Outcome): string | undefined {
  if (outcome.ok) return undefined
  const { error } = outcome
  if (!(error instanceof EnforceError)) return 'is no EnforceError'
  if (!/^E[0-9]{3}$/.test(error.code)) return `code ${error.code}`
  if (error.where?.block !== 0 && error.where?.variable === undefined)
    return `${error.code} without a place: ${error.message}`
  if (error.summary.length > 300) return `a sentence of ${error.summary.length} letters: ${error.summary.slice(0, 100)}`
  if (/\n\s+at |node_modules|\/src\//.test(error.message)) return `a stack or path in the message: ${error.message}`
  return undefined
}

function differs(wanted: Outcome, got: Outcome): string | undefined {
  if (wanted.ok && got.ok) return differentBits(wanted.results, got.results)
  if (!wanted.ok && !got.ok) {
    return wanted.error.code === got.error.code ? undefined : `${got.error.code}, the other way ${wanted.error.code}`
  }
  const { error } = wanted.ok ? (got as Outcome & { ok: false }) : (wanted as Outcome & { ok: false })
  return `${error.code} one way only: ${error.summary}`
}

const good = new Program(library, { callSites: false })
{
  const block = good.globalBlock()
  block.createVar({ name: 'x', dtype: 'float32', shape: [3], needCheckFeed: true })
  block.createVar({ name: 'y' })
  block.appendOp({ type: 'scale', inputs: { X: 'x' }, outputs: { Out: 'y' }, attrs: { scale: 2, bias: 1 } })
}
const goodInput = tensor([1, -2, 0.5])
const goodOutput = tensor([3, -3, 2])

/** 2 x + 1, computed on the executors that have just met a bad program. */
function goodRun(runner: CaseRunner): string | undefined {
  for (const executor of [runner.plan, runner.interpreter] satisfies Executor[]) {
    const [y] = executor.run(good, { feed: { x: goodInput }, fetch: ['y'] })
    const fault = differentValues(goodOutput, y)
    if (fault !== undefined) return `2 x + 1 on the ${executor.engine}: y ${fault}`
  }
  return undefined
}

/** Each output under a name of its own: what stands over an input would change what is declared of it. */
function withoutAliases(given: OpCase): OpCase {
  const outputs = Object.fromEntries(
    Object.entries(given.outputs).map(([slot, names]) => [
      slot,
      names.map((name, i) => (given.values.has(name) ? `${slot}_${i}_own` : name)),
    ]),
  )
  return { ...given, outputs }
}

function eachOutput(given: OpCase, visit: (value: Value | null, slot: string, i: number) => void): void {
  for (const [slot, list] of Object.entries(given.recorded ?? {}))
    for (const [i, value] of list.entries()) visit(value, slot, i)
}

function disagrees(meta: Meta | undefined, value: Value): string | undefined {
  const wanted = metaOf(value)
  if (meta === undefined) return 'is not inferred, but recorded'
  if (value instanceof TensorArray) return undefined
  if (meta.dtype !== wanted.dtype) return `is ${meta.dtype}, recorded ${wanted.dtype}`
  if (!compatibleShapes(meta.shape, wanted.shape))
    return `has shape ${formatShape(meta.shape)}, recorded ${formatShape(wanted.shape)}`
  const kind = value instanceof SelectedRows ? 'SELECTED_ROWS' : 'LOD_TENSOR'
  return (meta.kind ?? 'LOD_TENSOR') === kind ? undefined : `is a ${meta.kind}, recorded ${kind}`
}

const kindOf = (value: Value): string =>
  value instanceof Tensor ? `${value.dtype} ${formatShape(value.shape)}` : value.constructor.name
