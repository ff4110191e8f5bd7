/**
 * Every operator that has a WASM lowering against its TypeScript kernel on random tensors: no elements, one, odd sizes, broadcasts, sizes
 * that fill the unrolled loop and leave a rest, half precision. A lowering without cases here fails.
 */
import { describe, expect, test } from 'vitest'
import { lowerings } from '../../src/compiler/wasm/lowerings.ts'
import { ops } from '../../src/ops/index.ts'
import { CASES } from './cases/table.ts'
import { faultsOf, type LoweringCase, Random } from './lowering_case.ts'

const ROUNDS = 30

test('every lowering is of an operator and has cases here', () => {
  expect(Object.keys(lowerings).filter((type) => !Object.hasOwn(ops, type))).toEqual([])
  // feed and fetch compute nothing: a plan puts values in and copies them out, which test/executor looks at.
  expect(Object.keys(lowerings).filter((type) => !Object.hasOwn(CASES, type))).toEqual(['feed', 'fetch'])
})

describe('WASM lowerings give what the TypeScript kernels give', () => {
  test.each(Object.entries(CASES))('%s', (type, make) => {
    const faults: string[] = []
    for (let round = 0; round < ROUNDS && faults.length < 5; round++) {
      const given = make(new Random(1000 * type.length + round))
      for (const fault of faultsOf(type, given)) faults.push(`round ${round}: ${fault}, ${describeCase(given)}`)
    }
    expect(faults).toEqual([])
  })
})

const describeCase = ({ inputs, attrs }: LoweringCase): string =>
  `${Object.entries(inputs)
    .map(([slot, given]) => `${slot} ${[given].flat().map(({ dtype, shape }) => `${dtype}[${shape}]`)}`)
    .join(', ')} ${JSON.stringify(attrs)}`
