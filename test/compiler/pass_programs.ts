/** Programs written by hand for the tests of passes, and their texts. */
import { expect } from 'vitest'
import { optimize } from '../../src/compiler/optimize.ts'
import { type Program, type Scope, verify } from '../../src/index.ts'
import { Program as StandardProgram } from '../../src/modes/static.ts'
import type { DType } from '../../src/tensor/dtype.ts'

export interface Var {
  readonly shape?: readonly number[]
  readonly dtype?: DType
  readonly fed?: true
  readonly kept?: true
}

export type Line = readonly [
  type: string,
  inputs: Record<string, string[]>,
  outputs: Record<string, string[]>,
  attrs?: object,
]

/** A program by hand; variables that are not described are what the operators make of them. */
export function program(vars: Readonly<Record<string, Var>>, lines: readonly Line[]): Program {
  const made = new StandardProgram()
  const block = made.globalBlock()
  for (const [name, { shape = [2, 3], dtype = 'float32', fed, kept }] of Object.entries(vars)) {
    block.createVar({ name, shape, dtype, needCheckFeed: fed === true, persistable: kept === true })
  }
  for (const [type, inputs, outputs, attrs = {}] of lines)
    block.appendOp({ type, inputs, outputs, attrs: { ...attrs } })
  return made
}

/** `y = relu(x)`, one text for each operator. */
export const text = ({ blocks }: Program): string[] =>
  blocks.flatMap(({ ops }) =>
    ops.map((op) => `${op.outputNames().join(' ')} = ${op.type}(${op.inputNames().join(' ')})`),
  )

export const names = (made: Program): string[] => [...made.globalBlock().vars.keys()]

/** The program after passes, which are named with commas between. */
export function run(made: Program, passes: string, fetch: readonly string[] = ['y'], values?: Scope): Program {
  const before = text(made)
  const result = optimize(made, { passes: passes.split(','), fetch, ...(values === undefined ? {} : { values }) })
  expect(text(made), 'the argument is not edited').toEqual(before)
  expect(verify(result.program).filter(({ severity }) => severity === 'error')).toEqual([])
  return result.program
}
