/**
 * Recorded cases of Paddle on WebAssembly: test/ops/golden.test.ts compares the results; here it is seen that compiled code made them. Of each
 * operator that has a lowering, and of its gradient, a case ran with everything compiled that can be.
 */
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { lowerings } from '../../src/compiler/wasm/lowerings.ts'
import { ops } from '../../src/ops/index.ts'
import { readGolden } from '../golden.ts'
import { corrected } from '../ops/corrections.ts'
import { type GoldenCase, runGoldenCase } from '../ops/golden_case.ts'

const recorded = Object.keys(lowerings).filter((type) =>
  existsSync(new URL(`../golden/ops/${type}.jsonl.gz`, import.meta.url)),
)

describe('a recorded case is run by compiled code', () => {
  test.each(recorded)('%s', (type) => {
    const cases = readGolden<GoldenCase[]>(`ops/${type}.jsonl.gz`).filter(({ error }) => error === undefined)
    const wanted = new Set([type])
    for (const { grad } of cases) {
      for (const op of grad?.ops ?? []) if (Object.hasOwn(lowerings, op.type)) wanted.add(op.type)
    }
    for (const golden of cases) {
      if (wanted.size === 0) break
      runGoldenCase(corrected(golden), ops, 'wasm', (program, { backend, compiledOps }) => {
        expect(backend).toBe('wasm')
        const types = program.globalBlock().ops.map((op) => op.type)
        const able = types.filter((name) => Object.hasOwn(lowerings, name))
        if (compiledOps === able.length) for (const name of able) wanted.delete(name)
      })
    }
    expect([...wanted]).toEqual([])
  })
})
