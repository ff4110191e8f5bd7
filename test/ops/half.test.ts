/**
 * Half precision over the whole table: an operator with float16 or bfloat16 inputs gives what it gives with the same numbers in float32, rounded
 * once. The inputs are those of the recorded cases.
 */
import { describe, expect, test } from 'vitest'
import { type DType, FLOATS, isHalf } from '../../src/tensor/dtype.ts'
import { SelectedRows, Tensor, tensor } from '../../src/tensor/tensor.ts'
import { CaseRunner, caseTypes, differentValues, library, type OpCase, type Outcome, recordedCases } from './op_case.ts'

/** Operators whose halves are something else than rounded float32, each with the reason. */
const OTHER_MEANING: Readonly<Record<string, string>> = {
  cast: 'the element types are attributes',
  adam: 'moments of half parameters are half without a master weight, so a step is not one rounding; test/half_training.test.ts',
}

const runner = new CaseRunner()

/** The case with each of its tensors through `change`. */
const mapped = (given: OpCase, change: (value: Tensor, name: string) => Tensor): OpCase => ({
  ...given,
  values: new Map(
    [...given.values].map(([name, value]) => [name, value instanceof Tensor ? change(value, name) : value]),
  ),
})

/** The float32 tensors of the given slots in half precision. */
function halved(given: OpCase, slots: readonly string[], dtype: DType): OpCase {
  const names = new Set(slots.flatMap((slot) => given.inputs[slot]!))
  return mapped(given, (value, name) => (value.dtype === 'float32' && names.has(name) ? tensor(value, dtype) : value))
}

/** What differs between an outcome in half precision and the one in float32. */
function faultOf(half: Outcome, full: Outcome, dtype: DType): string | undefined {
  if (!half.ok) return full.ok ? half.error.message.split('\n')[0] : undefined
  if (!full.ok) return `works, but not in float32: ${full.error.message.split('\n')[0]}`
  for (const [slot, list] of Object.entries(half.results)) {
    for (const [i, value] of list.entries()) {
      const wanted = full.results[slot]?.[i]
      const rounded =
        value instanceof Tensor && isHalf(value.dtype) && wanted instanceof Tensor && FLOATS.includes(wanted.dtype)
          ? tensor(wanted, dtype)
          : wanted
      const fault = differentValues(value, rounded)
      if (fault !== undefined) return `${slot}[${i}] ${fault}`
    }
  }
  return undefined
}

const types = caseTypes().filter((type) => {
  if (Object.hasOwn(OTHER_MEANING, type)) return false
  const first = Object.values(library[type]!.inputs)[0]
  return first !== undefined && (first.dtypes === undefined || first.dtypes.includes('float16'))
})

describe.each(['float16', 'bfloat16'] as const)('%s', (dtype) => {
  test.each(types)('%s', (type) => {
    const faults: string[] = []
    for (const given of recordedCases(type)) {
      const slots = Object.keys(given.inputs)
      // Sparse gradients have rules of their own: they are refused in half precision, or meet float32 rows.
      if ([...given.values.values()].some((value) => value instanceof SelectedRows)) continue
      if (![...given.values.values()].some((value) => value instanceof Tensor && value.dtype === 'float32')) continue
      let inHalf = halved(given, slots, dtype)
      let half = runner.run(inHalf, 'interpreter')
      // Where the parameters of a half operator are float32, only the first slot is half.
      if (!half.ok && (half.error.code === 'E210' || half.error.code === 'E403')) {
        inHalf = halved(given, slots.slice(0, 1), dtype)
        half = runner.run(inHalf, 'interpreter')
      }
      const full = mapped(inHalf, (value) => (isHalf(value.dtype) ? tensor(value, 'float32') : value))
      const fault = faultOf(half, runner.run(full, 'interpreter'), dtype)
      if (fault !== undefined) faults.push(`${given.label}: ${fault}`)
    }
    expect(faults).toEqual([])
  })
})
