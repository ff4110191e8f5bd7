/**
 * Every gradient in the table against central differences, at the inputs of the recorded cases. Points are left out only by the functions
 * in KINKS and whole cases only by EXCEPTIONS, each with the reason.
 */
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readGolden } from '../golden.ts'
import { ACTIVATION_KINKS } from './activation_kinks.ts'
import type { GoldenCase } from './golden_case.ts'
import { checkGradient, KINK_DISTANCE, type Kink, type KinkQuery } from './gradient_check.ts'

const near = (x: number, kink: number): boolean => Math.abs(x - kink) <= KINK_DISTANCE

/** Another element of the input is as large as this one, so that a maximum or minimum may jump from one to the other. */
const tied: Kink = ({ inputs, slot, index, element, x }: KinkQuery): boolean => {
  const value = inputs[slot]![index]!
  for (let i = 0; i < value.size; i++) if (i !== element && near(Number(value.at(i)), x)) return true
  return false
}

/** An element of the other operand is as large as this one, so that the larger or smaller of the two may change. */
const meets: Kink = ({ inputs, slot, x }: KinkQuery): boolean => {
  const other = inputs[slot === 'X' ? 'Y' : 'X']![0]!
  for (let i = 0; i < other.size; i++) if (near(Number(other.at(i)), x)) return true
  return false
}

/** Of put_along_axis: an element of the other one of Input and Value is as large as this one. */
const meetsValue: Kink = ({ inputs, slot, x }: KinkQuery): boolean => {
  const other = inputs[slot === 'Input' ? 'Value' : 'Input']![0]!
  for (let i = 0; i < other.size; i++) if (near(Number(other.at(i)), x)) return true
  return false
}

/** x is at an end of the range of clip. */
const atEnd: Kink = ({ golden, inputs, x }: KinkQuery): boolean =>
  near(x, Number(inputs['Min']?.[0]?.at(0) ?? golden.attrs['min'])) ||
  near(x, Number(inputs['Max']?.[0]?.at(0) ?? golden.attrs['max']))

/** Functions that are not smooth, and where. */
const KINKS: Readonly<Record<string, Kink>> = {
  ...ACTIVATION_KINKS,
  // max(x, 0) bends at 0.
  relu: ({ x }) => near(x, 0),
  // |x| bends at 0, where its gradient is 0 by convention.
  abs: ({ x }) => near(x, 0),
  // The sign jumps at 0.
  sign: ({ x }) => near(x, 0),
  // Neither is defined below 0, and both are infinitely steep at 0.
  sqrt: ({ x }) => x <= KINK_DISTANCE,
  log: ({ x }) => x <= KINK_DISTANCE,
  clip: atEnd,
  // The gradient of a tie goes to Y.
  elementwise_max: meets,
  elementwise_min: meets,
  // The gradient of an extreme goes to every tied element; a difference moves one of them alone.
  reduce_max: tied,
  reduce_min: tied,
  // The gradient divides by X: NaN where it is 0, as in Paddle.
  reduce_prod: ({ x }) => near(x, 0),
  // The gradient of a tie goes to the first maximum of the window.
  pool2d: (query) => query.golden.attrs['pooling_type'] === 'max' && tied(query),
  // Bends at 0 of X, where the gradient is that from below.
  prelu: ({ slot, x }) => slot === 'X' && near(x, 0),
  // Of tied elements the last one counts, or all of them share the gradient.
  cummax: tied,
  cummin: tied,
  kthvalue: tied,
  mode: tied,
  reduce_amax: tied,
  reduce_amin: tied,
  maxout: tied,
  // The gradient of a tie goes to X.
  elementwise_fmax: meets,
  elementwise_fmin: meets,
  max_pool2d_with_index: tied,
  max_pool3d_with_index: tied,
  pool3d: (query) => query.golden.attrs['pooling_type'] === 'max' && tied(query),
  // The extreme may change from the element to a value that is put there, or to another one.
  put_along_axis: (query) => /^am/.test(String(query.golden.attrs['Reduce'])) && (tied(query) || meetsValue(query)),
  // A step at 0.
  elementwise_heaviside: ({ slot, x }) => slot === 'X' && near(x, 0),
  // The largest and the smallest |x| may change.
  p_norm: ({ golden, inputs, element, x }) => {
    if (Number.isFinite(Number(golden.attrs['porder'] ?? 2))) return false
    const value = inputs['X']![0]!
    for (let i = 0; i < value.size; i++) {
      if (i !== element && near(Math.abs(Number(value.at(i))), Math.abs(x))) return true
    }
    return false
  },
  top_k: tied,
  top_k_v2: tied,
  argsort: tied,
  // The logarithms end at 0 and 1.
  bce_loss: ({ x }) => near(x, 0) || near(x, 1),
  // The slope bends where the difference of X and Y is delta.
  huber_loss: ({ golden, inputs, slot, element, x }) =>
    near(Math.abs(x - Number(inputs[slot === 'X' ? 'Y' : 'X']![0]!.at(element))), Number(golden.attrs['delta'])),
}

/** Cases whose gradient is no derivative, by operator and case. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'batch_norm/trainable_statistics':
    'with is_test the gradient takes the moving averages for constants, as in Paddle, though the batch was used',
  'bicubic_interp_v2/fuzz_6_8':
    'the gradient rounds positions to float32 where the operator does not, as in Paddle: off by 2e-7',
  'determinant/fuzz_1_0': 'the gradient of a singular matrix is 0, as in Paddle',
  'group_norm/no_scale': 'without Scale the gradient leaves out the mean of dY, as in Paddle',
  'layer_norm/constant_row':
    'the variance is 0 and epsilon 1e-5: differences of 1e-5 are off by their third order, 1e-6',
  'log_loss/plain': 'there is no float64 kernel, as in Paddle',
  'log_loss/edges': 'there is no float64 kernel, as in Paddle',
  'log_softmax/far_apart': 'where X - max(X) is cut off at -64 the gradient goes on, as in Paddle',
  'lookup_table/sparse_padding': 'the sparse gradient keeps the rows of padding, as in Paddle',
  'lookup_table_v2/sparse_padding': 'the sparse gradient keeps the rows of padding, as in Paddle',
  'scatter/overwrite_duplicate': 'an update that another one replaces gets its gradient all the same, as in Paddle',
  'sigmoid_cross_entropy_with_logits/pos_weight': 'the gradient is not the derivative of the loss, as in Paddle',
  'softmax_with_cross_entropy/both_cotangents': 'the gradient of the output Softmax is not used, as in Paddle',
  'softmax_with_cross_entropy/far_apart':
    'where the loss is cut off at 64 it is flat, but the gradient goes on, as in Paddle',
  'softmax_with_cross_entropy/soft':
    'the gradient takes soft labels to sum to 1; the recorded ones are rounded and do not',
  ...Object.fromEntries(
    ['f32_f64', 'zero_d', 'f64_f32', 'f32_f16_grad'].map((name) => [
      `cast/${name}`,
      'the attributes ask for element types in which a difference of float64 values is rounded away',
    ]),
  ),
}

const FILES = readdirSync(new URL('../golden/ops/', import.meta.url)).filter((name) => name.endsWith('.jsonl.gz'))

for (const file of FILES.sort()) {
  const type = file.replace('.jsonl.gz', '')
  const cases = readGolden<GoldenCase[]>(`ops/${file}`).filter((golden) => golden.grad !== undefined)
  if (cases.length === 0) continue
  describe(type, () => {
    for (const golden of cases) {
      const exception = EXCEPTIONS[`${type}/${golden.name}`]
      it.skipIf(exception !== undefined)(
        exception === undefined ? golden.name : `${golden.name} (${exception})`,
        () => {
          expect(checkGradient(golden, KINKS[type])).toEqual([])
        },
      )
    }
  })
}

/** How many random cases of each operator are looked at. */
const RANDOM_CASES = 5

/** Which random cases have a gradient that is no derivative, or one that a float64 difference does not show; the reasons are those of EXCEPTIONS. */
const RANDOM_EXCEPTIONS: Readonly<Record<string, (golden: GoldenCase) => boolean>> = {
  // Positions are rounded to float32 by the gradient alone.
  bicubic_interp_v2: ({ attrs }) => attrs['align_corners'] === false,
  // Without Scale the gradient leaves out the mean of dY.
  group_norm: ({ inputs }) => inputs['Scale'] === undefined,
  // There is no float64 kernel.
  log_loss: () => true,
  // The sparse gradient keeps the rows of padding.
  lookup_table: ({ attrs }) => attrs['is_sparse'] === true,
  lookup_table_v2: ({ attrs }) => attrs['is_sparse'] === true,
  // The gradient divides by the norm and epsilon, which is 1e-12 where the case does not set it.
  p_norm: ({ attrs }) => attrs['epsilon'] !== undefined,
  // The gradient is not the derivative of the loss.
  sigmoid_cross_entropy_with_logits: ({ inputs }) => inputs['pos_weight'] !== undefined,
}

describe('at random', () => {
  const seen = new Map<string, number>()
  const cases = readGolden<GoldenCase[]>('ops_random/paddle_2.6.2.jsonl.gz').filter((golden) => {
    const { op, grad, inputs } = golden
    const first = Object.values(inputs)[0]?.[0]?.tensor as { readonly dtype?: string } | undefined
    if (grad === undefined || first?.dtype !== 'float32' || RANDOM_EXCEPTIONS[op]?.(golden) === true) return false
    seen.set(op, (seen.get(op) ?? 0) + 1)
    return seen.get(op)! <= RANDOM_CASES
  })
  it.each(cases.map((golden) => [`${golden.op}/${golden.name}`, golden] as const))('%s', (_, golden) => {
    expect(checkGradient(golden, KINKS[golden.op])).toEqual([])
  })
})
