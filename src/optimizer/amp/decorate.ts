/**
 * Mixed precision for an optimizer, in the two forms that Paddle has: by level, or by `usePureFp16`.
 * Source: python/paddle/static/amp/decorator.py, decorate (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import type { Optimizer } from '../optimizer.ts'
import { type AmpLevel, AutoMixedPrecisionLists, checkHalf, type HalfType } from './lists.ts'
import type { ScaleCourse } from './loss_scaling.ts'
import { OptimizerWithMixedPrecision } from './mixed_precision.ts'

interface CommonOptions extends Partial<ScaleCourse> {
  /** Default: the standard lists of the half type. */
  readonly ampLists?: AutoMixedPrecisionLists
  readonly initLossScaling?: number
  /** Whether the loss scale moves. Default: for float16 alone. */
  readonly useDynamicLossScaling?: boolean
  /** Operators in no list compute in float32 if any input is float32. Default false. */
  readonly usePromote?: boolean
}

/** By level. Defaults: scale 65536, doubled after 2000 good steps, halved after one bad step. */
export interface LevelOptions extends CommonOptions {
  /** O1: operators of the white list; O2: all but few, and parameters; OD: the white list alone. Default O1. */
  readonly level?: AmpLevel
  /** Default float16. */
  readonly dtype?: HalfType
  /** False: half parameters without master weights. */
  readonly masterWeight?: boolean
  /** O2: gradients are cast to float32 before clipping and update. Default false. */
  readonly masterGrad?: boolean
  /** O2: only operators inside `fp16Guard`. Default false. */
  readonly useAmpGuard?: boolean
}

/** The older form. Defaults: scale 32768, doubled after 1000 good steps, times 0.8 after two bad ones. */
export interface PureFp16Options extends CommonOptions {
  /** O2 instead of O1. Default false. */
  readonly usePureFp16?: boolean
  /** Default: the value of usePureFp16. */
  readonly useFp16Guard?: boolean
  /** bfloat16 in place of float16. Default false. */
  readonly useBf16?: boolean
}

/**
 * Wraps an optimizer. bfloat16 never has a moving loss scale: where it is asked for, the scale is 1.
 * @throws InvalidArgumentError E320 for a level, an element type or a number that mixed precision cannot use.
 */
export function decorate(
  optimizer: Optimizer,
  options: LevelOptions | PureFp16Options = {},
): OptimizerWithMixedPrecision {
  const older = ['usePureFp16', 'useFp16Guard', 'useBf16'].find((name) => Object.hasOwn(options, name))
  const newer = ['level', 'dtype', 'masterWeight', 'masterGrad', 'useAmpGuard'].find((name) =>
    Object.hasOwn(options, name),
  )
  if (older !== undefined && newer !== undefined) {
    throw new InvalidArgumentError('E320', `decorate takes ${older} or ${newer}, not both`, {
      got: [older, newer],
      hint: 'use level, dtype and useAmpGuard',
    })
  }
  return older === undefined ? byLevel(optimizer, options) : byPureFp16(optimizer, options)
}

function byLevel(optimizer: Optimizer, options: LevelOptions): OptimizerWithMixedPrecision {
  const { level = 'O1', dtype = 'float16', masterWeight = true, masterGrad = false, useAmpGuard = false } = options
  if (level !== 'O1' && level !== 'O2' && level !== 'OD') {
    throw new InvalidArgumentError('E320', `level must be O1, O2 or OD, got ${String(level)}`, {
      expected: ['O1', 'O2', 'OD'],
      got: level,
      hint: 'without mixed precision (O0) use the optimizer as it is',
    })
  }
  const wrapped = wrap(optimizer, options, {
    level,
    dtype: checkHalf(dtype),
    useGuard: useAmpGuard,
    masterGrad: level === 'O2' && masterGrad,
    dynamic: options.useDynamicLossScaling ?? dtype === 'float16',
    initial: 65536,
    course: { incrEveryNSteps: 2000, decrEveryNNanOrInf: 1, incrRatio: 2, decrRatio: 0.5 },
  })
  if (masterWeight) optimizer.multiPrecision = true
  return wrapped
}

function byPureFp16(optimizer: Optimizer, options: PureFp16Options): OptimizerWithMixedPrecision {
  const { usePureFp16 = false, useFp16Guard = usePureFp16, useBf16 = false } = options
  return wrap(optimizer, options, {
    level: usePureFp16 ? 'O2' : 'O1',
    dtype: useBf16 ? 'bfloat16' : 'float16',
    useGuard: useFp16Guard,
    masterGrad: false,
    dynamic: options.useDynamicLossScaling ?? true,
    initial: 32768,
    course: { incrEveryNSteps: 1000, decrEveryNNanOrInf: 2, incrRatio: 2, decrRatio: 0.8 },
  })
}

interface Form {
  readonly level: AmpLevel
  readonly dtype: HalfType
  readonly useGuard: boolean
  readonly masterGrad: boolean
  readonly dynamic: boolean
  readonly initial: number
  readonly course: ScaleCourse
}

function wrap(optimizer: Optimizer, options: CommonOptions, form: Form): OptimizerWithMixedPrecision {
  const { level, dtype, useGuard, masterGrad } = form
  const number = (name: keyof ScaleCourse, wanted: string, allowed: (value: number) => boolean): number =>
    check(name, options[name] ?? form.course[name], wanted, allowed)
  const whole = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 2147483647
  const course = {
    incrEveryNSteps: number('incrEveryNSteps', 'a whole number of 1 or more', whole),
    decrEveryNNanOrInf: number('decrEveryNNanOrInf', 'a whole number of 1 or more', whole),
    incrRatio: number('incrRatio', 'a finite number above 1', (ratio) => ratio > 1 && Number.isFinite(ratio)),
    decrRatio: number('decrRatio', 'a number between 0 and 1', (ratio) => ratio > 0 && ratio < 1),
  }
  const scale = check(
    'initLossScaling',
    options.initLossScaling ?? form.initial,
    'a positive number within float32',
    (value) => value > 0 && Math.fround(value) > 0 && Number.isFinite(Math.fround(value)),
  )
  const given = options.ampLists
  if (given !== undefined && given.dtype !== dtype) {
    throw new InvalidArgumentError('E320', `the lists are for ${given.dtype}, mixed precision computes in ${dtype}`, {
      expected: dtype,
      got: given.dtype,
      hint: `make them with { dtype: '${dtype}' }`,
    })
  }
  const lists =
    given === undefined || level === 'OD'
      ? new AutoMixedPrecisionLists({
          dtype,
          ...(given === undefined ? {} : { unsupportedList: given.withoutHalfKernel }),
        })
      : given
  const dynamic = form.dynamic && dtype === 'float16'
  return new OptimizerWithMixedPrecision(optimizer, {
    lists,
    level,
    useGuard,
    masterGrad,
    usePromote: options.usePromote ?? false,
    useDynamicLossScaling: dynamic,
    initLossScaling: form.dynamic && !dynamic ? 1 : scale,
    ...course,
  })
}

function check(name: string, value: number, wanted: string, allowed: (value: number) => boolean): number {
  if (typeof value === 'number' && allowed(value)) return value
  throw new InvalidArgumentError('E320', `${name} must be ${wanted}, got ${String(value)}`, {
    expected: wanted,
    got: value,
  })
}
