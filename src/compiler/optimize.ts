/** Runs passes over a program, one after another, and verifies what each of them leaves. */
import { EnforceError } from '../errors.ts'
import { extraOutputs } from '../framework/extra_attrs.ts'
import type { Issue } from '../framework/issue.ts'
import { EMPTY_VAR } from '../framework/op_def.ts'
import { OpRole } from '../framework/op_role.ts'
import type { Program } from '../framework/program.ts'
import { Variable } from '../framework/variable.ts'
import { verify } from '../framework/verify.ts'
import { Tensor, type Value } from '../tensor/tensor.ts'
import { debugStep } from './debug.ts'
import { type Pass, PassValues } from './passes/pass.ts'
import { choosePasses, type PipelineName } from './passes/pipelines.ts'

export interface OptimizeOptions {
  /**
   * Passes, their names and names of pipelines, in order. Default: `training` for a program with operators of backward or optimizer, else
   * `inference`.
   */
  readonly passes?: PipelineName | readonly (string | Pass)[]
  /** What will be fetched. Default: what {@link programResults} gives, so that no result is lost. */
  readonly fetch?: readonly (Variable | string)[]
  /** Values of persistable variables, such as a Scope: passes that compute with parameters do nothing without. */
  readonly values?: { get(name: string): Value | undefined }
  /** Told of each pass when it is done. */
  readonly onStep?: (step: PassStep) => void
}

/** What one pass did. */
export interface PassStep {
  readonly pass: Pass
  readonly before: Program
  /** The same object as `before` if the pass had nothing to do. */
  readonly after: Program
  readonly opsBefore: number
  readonly opsAfter: number
  readonly ms: number
}

export interface Optimized {
  /** A new program, or the given one if no pass had anything to do. The given one is not edited. */
  readonly program: Program
  readonly steps: readonly PassStep[]
  /** Values of persistable variables that passes added. */
  readonly values: ReadonlyMap<string, Tensor>
  /** 0 if all values keep their bits, else the largest difference that a pass that did something allows (see {@link Pass.changesBits}). */
  readonly tolerance: number
}

/** A pass that threw, or whose program is unsound or computes something else. Holds what is needed to try again. */
export class PassFailure extends EnforceError {
  readonly pass: Pass
  /** The program that the pass was given. */
  readonly program: Program

  constructor(
    code: string,
    summary: string,
    step: { readonly pass: Pass; readonly program: Program },
    details: object,
  ) {
    super('Fatal', code, summary, details)
    this.pass = step.pass
    this.program = step.program
  }
}

/**
 * The program after the passes.
 *
 * @example
 * const { program, values } = optimize(model.program, { passes: 'inference', fetch: model.fetchVars, values: executor.scope })
 * for (const [name, value] of values) executor.scope.set(name, value)
 * @throws NotFoundError E801 for a name that is no pass, PassFailure E802 (a pass threw), E803 (its program is unsound).
 */
export function optimize(program: Program, options: OptimizeOptions = {}): Optimized {
  const passes = passesOf(program, options.passes)
  const { values } = options
  const wanted = options.fetch === undefined ? programResults(program) : new Set(options.fetch.map(nameOf))
  const context = {
    isWanted: (name: string): boolean => wanted.has(name),
    values:
      values === undefined
        ? undefined
        : new PassValues((name) => {
            const value = values.get(name)
            return value instanceof Tensor ? value : undefined
          }),
  }
  const known = new Set(verify(program).map(issueKey))
  const steps: PassStep[] = []
  let current = program
  for (const pass of passes) {
    const began = performance.now()
    const edits = current.edits
    let after: Program
    try {
      after = pass.run(current, context)
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error)
      throw new PassFailure(
        'E802',
        `the pass ${pass.name} failed: ${said}`,
        { pass, program: current },
        { cause: error },
      )
    }
    if (current.edits !== edits) {
      const details = { hint: 'a pass edits a clone' }
      throw new PassFailure('E803', `the pass ${pass.name} edited its argument`, { pass, program: current }, details)
    }
    if (after !== current) checkSound(pass, current, after, known)
    const step: PassStep = {
      pass,
      before: current,
      after,
      opsBefore: countOps(current),
      opsAfter: countOps(after),
      ms: performance.now() - began,
    }
    steps.push(step)
    debugStep(step)
    options.onStep?.(step)
    current = after
  }
  const changing = steps.filter(({ before, after }) => before !== after).map(({ pass }) => Number(pass.changesBits))
  const { vars } = current.globalBlock()
  const added = [...(context.values?.added ?? [])].filter(([name]) => vars.has(name))
  return { program: current, steps, values: new Map(added), tolerance: Math.max(0, ...changing) }
}

/** The passes that an option means. @throws NotFoundError E801. */
function passesOf(program: Program, given: OptimizeOptions['passes']): readonly Pass[] {
  if (given === undefined) return choosePasses([defaultPipeline(program)])
  if (typeof given === 'string') return choosePasses([given])
  return given.flatMap((pass) => (typeof pass === 'string' ? choosePasses([pass]) : [pass]))
}

/** `training` for a program that has operators of backward or optimizer, else `inference`. */
export function defaultPipeline(program: Program): PipelineName {
  const trains = program.blocks.some(({ ops }) =>
    ops.some(({ role }) => (role & (OpRole.Backward | OpRole.Optimize)) !== 0),
  )
  return trains ? 'training' : 'inference'
}

export const countOps = ({ blocks }: Program): number => blocks.reduce((count, { ops }) => count + ops.length, 0)

const nameOf = (item: Variable | string): string => (item instanceof Variable ? item.name : item)

/**
 * What a program computes for others, where nobody says: the inputs of its `fetch` operators; without any, the results of operators of which
 * no result is read (but for outputs that Paddle calls extra, such as XShape).
 */
export function programResults(program: Program): Set<string> {
  const block = program.globalBlock()
  const fetches = block.ops.filter((op) => {
    const def = program.definition(op.type)
    return def?.effects === 'io' && def.feedHolder === undefined
  })
  if (fetches.length > 0) return new Set(fetches.flatMap((op) => op.inputNames()))
  const read = new Set(program.blocks.flatMap(({ ops }) => ops.flatMap((op) => op.inputNames())))
  const results = new Set<string>()
  for (const op of block.ops) {
    if (op.outputNames().some((name) => read.has(name))) continue
    for (const [slot, names] of Object.entries(op.outputs)) {
      if (!extraOutputs(op.type).has(slot)) for (const name of names) if (name !== EMPTY_VAR) results.add(name)
    }
  }
  return results
}

/** Faults that the program had before do not count. */
function checkSound(pass: Pass, before: Program, after: Program, known: ReadonlySet<string>): void {
  const faults = verify(after).filter((issue) => issue.severity === 'error' && !known.has(issueKey(issue)))
  const [first] = faults
  if (first === undefined) return
  throw new PassFailure(
    'E803',
    `the pass ${pass.name} left an unsound program: ${first.code} ${first.message}`,
    { pass, program: before },
    { where: first.where, got: faults.map(({ code, message }) => `${code} ${message}`).slice(0, 5) },
  )
}

const issueKey = ({ code, message }: Issue): string => `${code} ${message}`
