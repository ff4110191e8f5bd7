/** What minimize appends stands where minimize was called, or in the hook of an optimizer of the caller's that appended it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { build, input, nn, type Operator, optimizer, type Program } from '../../src/index.ts'

const FILE = fileURLToPath(import.meta.url)
const LINES = readFileSync(FILE, 'utf8').split('\n')

/** The text of the line of this file that an operator says it was appended at. */
function lineOf(op: Operator): string | undefined {
  const [, file, line] = /^(.*):(\d+):\d+$/.exec(op.callSite?.text ?? '') ?? []
  return file === FILE ? LINES[Number(line) - 1] : undefined
}

function minimized(made: optimizer.Optimizer): { main: Program; startup: Program } {
  return build(() => {
    const loss = nn.functional.mean(nn.functional.fc(nn.functional.fc(input('x', [null, 2]), 3), 1))
    made.minimize(loss) // MINIMIZE
  })
}

const accumulators = (startup: Program): Operator[] =>
  startup.globalBlock().ops.filter((op) => op.outputNames()[0]!.includes('moment'))
const updates = (main: Program): Operator[] => main.globalBlock().ops.filter((op) => op.type === 'adam')

test('of the library', () => {
  const { main, startup } = minimized(new optimizer.Adam())
  const ops = [...accumulators(startup), ...updates(main)]
  expect(ops.length).toBe(8 + 4)
  for (const op of ops) expect(lineOf(op)).toContain('// MINIMIZE')
})

test('of an optimizer of the caller’s', () => {
  class Own extends optimizer.Adam {
    override _create_accumulators(...args: Parameters<optimizer.Adam['_create_accumulators']>): void {
      super._create_accumulators(...args) // ACCUMULATORS
    }
    override _append_optimize_op(...args: Parameters<optimizer.Adam['_append_optimize_op']>): unknown {
      return super._append_optimize_op(...args) // UPDATE
    }
  }
  const { main, startup } = minimized(new Own())
  expect(accumulators(startup).length).toBe(8)
  for (const op of accumulators(startup)) expect(lineOf(op)).toContain('// ACCUMULATORS')
  expect(updates(main).length).toBe(4)
  for (const op of updates(main)) expect(lineOf(op)).toContain('// UPDATE')
})

test('appends after minimize have places of their own again', () => {
  let last: Operator | undefined
  build(() => {
    const loss = nn.functional.mean(nn.functional.fc(input('x', [null, 2]), 1))
    new optimizer.Adam().minimize(loss)
    last = loss.block.appendOp({ type: 'relu', inputs: { X: loss } }) // AFTER
  })
  expect(lineOf(last!)).toContain('// AFTER')
})
