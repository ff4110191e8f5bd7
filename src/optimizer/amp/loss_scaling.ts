/**
 * The operators between backward and update of a mixed-precision program: gradients back to their scale, the search for infinities, and the
 * course of the loss scale. Source: python/paddle/static/amp/decorator.py and amp_nn.py (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { LayerHelper } from '../../framework/layer_helper.ts'
import { OpRole } from '../../framework/op_role.ts'
import type { ProgramPair } from '../../framework/program_guard.ts'
import type { Variable } from '../../framework/variable.ts'
import type { HalfType } from './lists.ts'

/** How the loss scale moves. */
export interface ScaleCourse {
  readonly incrEveryNSteps: number
  readonly decrEveryNNanOrInf: number
  readonly incrRatio: number
  readonly decrRatio: number
}

/** The persistable variables of loss scaling; the counters are there if the scale moves. */
export interface ScaleVariables {
  readonly lossScaling: Variable
  readonly numGoodSteps: Variable | undefined
  readonly numBadSteps: Variable | undefined
}

/** loss_scaling_<n> float32 [1], and for a scale that moves num_good_steps_<n> and num_bad_steps_<n>, int32 [1]. */
export function createScaleVariables(programs: ProgramPair, initial: number, dynamic: boolean): ScaleVariables {
  const { names } = programs.main
  const make = (key: string, value: number, dtype: 'float32' | 'int32'): Variable => {
    const name = names.generate(key)
    return new LayerHelper(key, { name, programs }).createGlobalVariable({ name, shape: [1], dtype, value })
  }
  const lossScaling = make('loss_scaling', initial, 'float32')
  return {
    lossScaling,
    numGoodSteps: dynamic ? make('num_good_steps', 0, 'int32') : undefined,
    numBadSteps: dynamic ? make('num_bad_steps', 0, 'int32') : undefined,
  }
}

/** Gradients by element type. @throws InvalidArgumentError E322 for a gradient that is neither float32 nor of the half type. */
export function splitGradients(
  grads: readonly Variable[],
  half: HalfType,
): { readonly wide: readonly Variable[]; readonly half: readonly Variable[] } {
  const other = grads.find(({ dtype }) => dtype !== 'float32' && dtype !== half)
  if (other !== undefined) {
    throw new InvalidArgumentError(
      'E322',
      `the gradient "${other.name}" is ${other.dtype}: mixed precision scales gradients of float32 and ${half}`,
      { where: { variable: other.name }, expected: ['float32', half], got: other.dtype },
    )
  }
  return { wide: grads.filter(({ dtype }) => dtype === 'float32'), half: grads.filter(({ dtype }) => dtype === half) }
}

/**
 * Divides the gradients by the scale, in place. At O2 float32 and half gradients have an operator each.
 * @returns whether any gradient was infinite or NaN.
 */
export function appendUnscale(
  programs: ProgramPair,
  grads: readonly Variable[],
  lossScaling: Variable,
  half: HalfType,
  pureHalf: boolean,
): Variable {
  if (!pureHalf) return unscale(programs, grads, lossScaling, 'find_infinite_scale')
  const split = splitGradients(grads, half)
  const found: Variable[] = []
  if (split.wide.length > 0) found.push(unscale(programs, split.wide, lossScaling, 'find_infinite_scale_fp32'))
  if (split.half.length > 0) found.push(unscale(programs, split.half, lossScaling, 'find_infinite_scale_fp16'))
  return programs.main.withRole(OpRole.Optimize, [], () => {
    const all = appendLayer(programs, 'concat', 'concat', { X: found }, { axis: 0 })
    return appendLayer(programs, 'any', 'reduce_any', { X: all }, { dim: [], keep_dim: false, reduce_all: true })
  })
}

function unscale(programs: ProgramPair, grads: readonly Variable[], Scale: Variable, name: string): Variable {
  const { main } = programs
  const roleVars = grads.map((grad) => grad.name)
  return main.withRole(OpRole.Optimize, roleVars, () => {
    const FoundInfinite = new LayerHelper(name, { name, programs }).createVariable('bool')
    main.currentBlock().appendOp({
      type: 'check_finite_and_unscale',
      inputs: { X: grads, Scale },
      outputs: { Out: grads, FoundInfinite },
    })
    return FoundInfinite
  })
}

/** Moves the loss scale, and sets all gradients to zero if one was infinite. */
export function appendUpdateScale(
  programs: ProgramPair,
  grads: readonly Variable[],
  foundInfinite: Variable,
  variables: ScaleVariables,
  course: ScaleCourse,
  half: HalfType,
  pureHalf: boolean,
): void {
  const { main } = programs
  const append = (X: readonly Variable[], stop_update: boolean): void => {
    const { lossScaling, numGoodSteps, numBadSteps } = variables
    main.currentBlock().appendOp({
      type: 'update_loss_scaling',
      inputs: {
        X,
        FoundInfinite: foundInfinite,
        PrevLossScaling: lossScaling,
        InGoodSteps: numGoodSteps!,
        InBadSteps: numBadSteps!,
      },
      outputs: { Out: X, LossScaling: lossScaling, OutGoodSteps: numGoodSteps!, OutBadSteps: numBadSteps! },
      attrs: {
        incr_every_n_steps: course.incrEveryNSteps,
        decr_every_n_nan_or_inf: course.decrEveryNNanOrInf,
        incr_ratio: course.incrRatio,
        decr_ratio: course.decrRatio,
        stop_update,
      },
    })
  }
  main.withRole(OpRole.Optimize, [], () => {
    if (!pureHalf) {
      append(grads, false)
      return
    }
    const split = splitGradients(grads, half)
    if (split.wide.length > 0) append(split.wide, false)
    if (split.half.length > 0) append(split.half, split.wide.length > 0)
  })
}

/** A copy on the CPU, where Adam's kernels read it. */
export function appendCopyToCpu(programs: ProgramPair, foundInfinite: Variable): Variable {
  return programs.main.withRole(OpRole.Optimize, [], () =>
    appendLayer(programs, 'memcpy', 'memcpy', { X: foundInfinite }, { dst_place_type: 0 }),
  )
}

function appendLayer(
  programs: ProgramPair,
  layer: string,
  type: string,
  inputs: Readonly<Record<string, Variable | readonly Variable[]>>,
  attrs: Readonly<Record<string, unknown>>,
): Variable {
  const Out = new LayerHelper(layer, { programs }).createVariable('bool')
  programs.main.currentBlock().appendOp({ type, inputs, outputs: { Out }, attrs })
  return Out
}
