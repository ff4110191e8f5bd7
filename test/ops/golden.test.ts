/**
 * Every recorded operator case of Paddle 2.6.2: those of test/golden/ops, written by hand, those of test/golden/ops_random, drawn at random
 * (tools/oracle/op_fuzz.py), and those of test/golden/ops_extra, which neither held (tools/oracle/op_extra.py). Outputs, gradients, gradient
 * operators and errors.
 */
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ops } from '../../src/ops/index.ts'
import { readGolden } from '../golden.ts'
import { corrected } from './corrections.ts'
import { type GoldenCase, runGoldenCase } from './golden_case.ts'

const filesIn = (folder: string): string[] =>
  readdirSync(new URL(`../golden/${folder}/`, import.meta.url))
    .filter((name) => name.endsWith('.jsonl.gz'))
    .sort()

describe.each(filesIn('ops').map((name) => name.replace('.jsonl.gz', '')))('%s', (type) => {
  it('is in the table', () => {
    expect(Object.keys(ops)).toContain(type)
  })
  for (const golden of readGolden<GoldenCase[]>(`ops/${type}.jsonl.gz`)) {
    it(golden.name, () => {
      expect(runGoldenCase(corrected(golden), ops, 'ts')).toEqual([])
      expect(runGoldenCase(corrected(golden), ops, 'wasm')).toEqual([])
    })
  }
})

/** The random cases do not hold those that a `differs` answers: split and gather along a negative axis, sums of nothing, and the like. */
describe.each([
  ['at random', 'ops_random'],
  ['extra', 'ops_extra'],
])('%s', (_, folder) => {
  const cases = filesIn(folder).flatMap((file) => readGolden<GoldenCase[]>(`${folder}/${file}`))
  it.each(cases.map((golden) => [`${golden.op}/${golden.name}`, golden] as const))('%s', (_, golden) => {
    expect(runGoldenCase(corrected(golden), ops, 'ts')).toEqual([])
    expect(runGoldenCase(corrected(golden), ops, 'wasm')).toEqual([])
  })
})
