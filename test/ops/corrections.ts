/**
 * Recorded values of Paddle 2.6.2 that are wrong on its CPU, replaced by what the operator's `differs` promises. Every replacement is
 * computed here by rule from the recorded inputs; nothing is skipped.
 */
import type { GoldenCase } from './golden_case.ts'

interface TensorJson {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: readonly (number | string)[]
}

const PROTO_FLOAT16 = 4
const PROTO_BFLOAT16 = 22

/** The case with the values to be expected. */
export function corrected(golden: GoldenCase): GoldenCase {
  if (golden.error !== undefined) return golden
  const { out_dtype } = golden.attrs
  if (golden.op === 'cast' && out_dtype === PROTO_FLOAT16) return roundedCast(golden, 10, -14, 15)
  if (golden.op === 'cast' && out_dtype === PROTO_BFLOAT16) return roundedCast(golden, 7, -126, 127)
  if (golden.op === 'adam' && golden.name === 'rows') return adamWithoutStaleRow(golden)
  if (golden.op === 'gather' && golden.grad !== undefined) return gatherGradient(golden)
  return golden
}

const input = (golden: GoldenCase): TensorJson => golden.inputs['X']![0]!.tensor as TensorJson
const output = (golden: GoldenCase): TensorJson => golden.outputs!['Out']![0] as TensorJson

/** Paddle's CPU cast cuts bits off; NumPy rounds to the nearest value, ties to even. */
function roundedCast(golden: GoldenCase, fractionBits: number, minExponent: number, maxExponent: number): GoldenCase {
  const data = input(golden).data.map((value) => {
    if (typeof value === 'string') return value
    const size = Math.abs(Math.fround(value))
    let exponent = minExponent
    while (2 ** (exponent + 1) <= size) exponent++
    const step = 2 ** (exponent - fractionBits)
    const count = size / step
    const below = Math.floor(count)
    const up = count - below > 0.5 || (count - below === 0.5 && below % 2 === 1)
    const rounded = (up ? below + 1 : below) * step
    if (rounded >= 2 ** (maxExponent + 1)) return value < 0 ? '-Infinity' : 'Infinity'
    return value < 0 ? -rounded : rounded
  })
  return { ...golden, outputs: { Out: [{ ...output(golden), data }] } }
}

/**
 * Along other axes than 0 every outer index of Paddle's gradient takes the first outer slice of the cotangent. Each slice belongs where it
 * was taken from.
 */
function gatherGradient(golden: GoldenCase): GoldenCase {
  const axisTensor = golden.inputs['Axis']?.[0]?.tensor as TensorJson | undefined
  const axis = Number(axisTensor?.data[0] ?? golden.attrs['axis'] ?? 0)
  if (axis === 0) return golden
  const { shape } = input(golden)
  const index = (golden.inputs['Index']![0]!.tensor as TensorJson).data.map(Number)
  const cotangent = (golden.grad!.cotangents['Out']![0] as TensorJson).data.map(Number)
  const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1)
  const inner = product(shape.slice(axis + 1))
  const size = shape[axis]!
  const data = new Array<number>(product(shape)).fill(0)
  cotangent.forEach((value, i) => {
    const place = Math.floor(i / inner) % index.length
    const outer = Math.floor(i / inner / index.length)
    data[(outer * size + index[place]!) * inner + (i % inner)]! += value
  })
  const recorded = golden.grad!.wrt['X']![0] as TensorJson
  return { ...golden, grad: { ...golden.grad!, wrt: { X: [{ ...recorded, data }] } } }
}

/**
 * Paddle 2.6.2 compares each row with the row list beyond its end: in step 3 the list is [3], and what the memory behind it still holds is
 * row 4 with the gradient of step 2. Row 4 has no gradient, so its moments decay and it moves by them alone.
 */
function adamWithoutStaleRow(golden: GoldenCase): GoldenCase {
  const steps = golden.steps!
  const row = [8, 9]
  const beforeStep = steps[0]!.outputs
  const at = (slot: string, i: number): number => (beforeStep[slot]![0] as TensorJson).data[i] as number
  const power = (slot: string): number => (beforeStep[slot]![0] as TensorJson).data[0] as number
  // The powers that step 2 left are those of the next step, which is what the sparse rule corrects with after multiplying once more.
  const next1 = power('Beta1PowOut') * 0.9
  const next2 = power('Beta2PowOut') * 0.999
  const rate = (0.001 * Math.sqrt(1 - next2)) / (1 - next1)
  const moment1 = row.map((i) => 0.9 * at('Moment1Out', i))
  const moment2 = row.map((i) => 0.999 * at('Moment2Out', i))
  const param = row.map((i, k) => at('ParamOut', i) - rate * (moment1[k]! / (Math.sqrt(moment2[k]!) + 1e-8)))
  const patch = (slot: string, values: readonly number[]): TensorJson => {
    const json = steps[1]!.outputs[slot]![0] as TensorJson
    return { ...json, data: json.data.map((recorded, i) => (row.includes(i) ? values[row.indexOf(i)]! : recorded)) }
  }
  const outputs = {
    ...steps[1]!.outputs,
    ParamOut: [patch('ParamOut', param)],
    Moment1Out: [patch('Moment1Out', moment1)],
    Moment2Out: [patch('Moment2Out', moment2)],
  }
  return { ...golden, steps: [steps[0]!, { ...steps[1]!, outputs }] }
}
