/**
 * Gradient clipping: operators that shorten gradients before the update. Source: python/paddle/nn/clip.py (2.6.2).
 */
import { UnimplementedError } from '../errors.ts'
import type { ParamGrad } from '../framework/autodiff/backward.ts'
import type { Block } from '../framework/block.ts'
import { LayerHelper } from '../framework/layer_helper.ts'
import { OP_ROLE_VAR, OpRole } from '../framework/op_role.ts'
import type { ProgramPair } from '../framework/program_guard.ts'
import { pythonFloat } from '../framework/python_text.ts'
import type { Variable } from '../framework/variable.ts'

/** A way to clip; appends its operators and returns the pairs to go on with. */
export interface GradClip {
  readonly type: string
  /** Runs inside the name scope `gradient_clip`. */
  append(pairs: readonly ParamGrad[], programs: ProgramPair): ParamGrad[]
}

/** Every element is cut to [min, max]; min defaults to -max. */
export function ClipGradByValue(max: number, min = -max): GradClip {
  return {
    type: 'ClipGradByValue',
    append: (pairs, programs) =>
      eachPair(pairs, programs, ({ grad }) => {
        const helper = new LayerHelper('clip', { programs })
        const out = helper.createVariable(grad.dtype)
        grad.block.appendOp({ type: 'clip', inputs: { X: grad }, outputs: { Out: out }, attrs: { min, max } })
        return out
      }),
  }
}

/** Each gradient is scaled down to an L2 norm of at most `clipNorm`. */
export function ClipGradByNorm(clipNorm: number): GradClip {
  return {
    type: 'ClipGradByNorm',
    append: (pairs, programs) =>
      eachPair(pairs, programs, ({ grad }) => {
        const helper = new LayerHelper('clip_by_norm', { programs })
        const out = helper.createVariable(grad.dtype)
        grad.block.appendOp({
          type: 'clip_by_norm',
          inputs: { X: grad },
          outputs: { Out: out },
          attrs: { max_norm: clipNorm },
        })
        return out
      }),
  }
}

/** All gradients together are scaled down to an L2 norm of at most `clipNorm`; they are changed in place. */
export function ClipGradByGlobalNorm(clipNorm: number): GradClip {
  return { type: 'ClipGradByGlobalNorm', append: (pairs, programs) => clipByGlobalNorm(pairs, programs, clipNorm) }
}

function eachPair(
  pairs: readonly ParamGrad[],
  { main }: ProgramPair,
  clip: (pair: ParamGrad) => Variable,
): ParamGrad[] {
  const clipped = pairs.map((pair) => {
    if (!pair.param.needClip) return pair
    return main.withRole(OpRole.Optimize, [pair.param.name, pair.grad.name], () => ({
      param: pair.param,
      grad: clip(pair),
    }))
  })
  correctRoleVars(
    main.globalBlock(),
    pairs.filter(({ param }) => param.needClip),
    clipped,
  )
  return clipped
}

/** Operators of clipping name the gradient that the update will read. Linear: only the operators from the first clip on are looked at. */
function correctRoleVars(block: Block, before: readonly ParamGrad[], after: readonly ParamGrad[]): void {
  const named = new Set(before.map(({ param }) => param.name))
  const grads = new Map(after.map(({ param, grad }) => [param.name, grad.name]))
  for (const op of block.ops) {
    if (!op.nameScope.includes('gradient_clip')) continue
    const param = op.roleVars[0]
    if (param !== undefined && named.has(param)) block.setAttr(op, OP_ROLE_VAR, [param, grads.get(param)!])
  }
}

function clipByGlobalNorm(pairs: readonly ParamGrad[], programs: ProgramPair, clipNorm: number): ParamGrad[] {
  const { main } = programs
  const clipped = pairs.filter(({ param }) => param.needClip)
  if (clipped.length === 0) return [...pairs]
  const block = main.currentBlock()
  const layer = (type: string): LayerHelper => new LayerHelper(type, { programs })
  const float32Norms: Variable[] = []
  const halfNorms: Variable[] = []
  for (const { param, grad } of clipped) {
    if (grad.type !== 'LOD_TENSOR') {
      throw new UnimplementedError('E405', `clipping the sparse gradient of "${param.name}" is not implemented yet`, {
        where: { variable: param.name },
      })
    }
    main.withRole(OpRole.Optimize, [param.name, grad.name], () => {
      const norm = layer('squared_l2_norm').createVariable(grad.dtype)
      block.appendOp({ type: 'squared_l2_norm', inputs: { X: grad }, outputs: { Out: norm } })
      const isHalf = grad.dtype === 'float16' || grad.dtype === 'bfloat16'
      ;(isHalf ? halfNorms : float32Norms).push(norm)
    })
  }
  const last = pairs[pairs.length - 1]!
  const scale = main.withRole(OpRole.Optimize, [last.param.name, last.grad.name], () => {
    const addN = (terms: readonly Variable[]): Variable => {
      const sum = layer('add_n').createVariable(terms[0]!.dtype)
      block.appendOp({ type: 'sum', inputs: { X: terms }, outputs: { Out: sum } })
      return sum
    }
    const sums: Variable[] = []
    if (halfNorms.length > 0) {
      const sum = addN(halfNorms)
      const wide = block.createVar({ name: main.names.generate('tmp'), dtype: 'float32' })
      block.appendOp({
        type: 'cast',
        inputs: { X: sum },
        outputs: { Out: wide },
        attrs: { in_dtype: sum.dtype, out_dtype: 'float32' },
      })
      sums.push(wide)
    }
    if (float32Norms.length > 0) sums.push(addN(float32Norms))
    const total = sums.length > 1 ? addN(sums) : sums[0]!
    const norm = layer('sqrt').createVariable(total.dtype)
    block.appendOp({ type: 'sqrt', inputs: { X: total }, outputs: { Out: norm } })
    // Paddle's fill_constant takes two names here and uses the second.
    main.names.generate('fill_constant')
    const limit = layer('fill_constant').createVariable(norm.dtype)
    block.appendOp({
      type: 'fill_constant',
      inputs: {},
      outputs: { Out: limit },
      attrs: { shape: [1], dtype: norm.dtype, value: clipNorm, str_value: pythonFloat(clipNorm), force_cpu: false },
    })
    const named = (type: string): Variable => block.createVar({ name: main.names.generate(type), dtype: norm.dtype })
    const divisor = named('elementwise_max')
    block.appendOp({
      type: 'elementwise_max',
      inputs: { X: limit, Y: norm },
      outputs: { Out: divisor },
      attrs: { axis: -1 },
    })
    const factor = named('elementwise_div')
    block.appendOp({
      type: 'elementwise_div',
      inputs: { X: limit, Y: divisor },
      outputs: { Out: factor },
      attrs: { axis: -1 },
    })
    return factor
  })
  for (const { param, grad } of clipped) {
    main.withRole(OpRole.Optimize, [param.name, grad.name], () => {
      let factor = scale
      if (grad.dtype !== scale.dtype) {
        factor = block.createVar({ name: main.names.generate('tmp'), dtype: grad.dtype })
        block.appendOp({
          type: 'cast',
          inputs: { X: scale },
          outputs: { Out: factor },
          attrs: { in_dtype: scale.dtype, out_dtype: grad.dtype },
        })
      }
      block.appendOp({
        type: 'elementwise_mul',
        inputs: { X: grad, Y: factor },
        outputs: { Out: grad },
        attrs: { axis: -1 },
      })
    })
  }
  correctRoleVars(main.globalBlock(), clipped, pairs)
  return [...pairs]
}
