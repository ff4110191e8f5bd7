/**
 * appendBackward and gradients: the operators that compute gradients are appended to the program, name for name as Paddle 2.6.2 does.
 * Source: python/paddle/base/backward.py.
 */
import { type ErrorPlace, InvalidArgumentError, NotFoundError, UnimplementedError, withPlace } from '../../errors.ts'
import { formatShape, sameShape } from '../../tensor/shape.ts'
import type { Block } from '../block.ts'
import { EMPTY_VAR } from '../op_def.ts'
import { OP_NAMESCOPE, OP_ROLE, OP_ROLE_VAR, OpRole } from '../op_role.ts'
import type { Operator } from '../operator.ts'
import type { Program } from '../program.ts'
import { Parameter, Variable } from '../variable.ts'
import { addUpRepeatedOutputs } from './accumulate.ts'
import { appendWithVariables, type GradInfo } from './create_variables.ts'
import { fillDefaults, makeGradOps } from './grad_maker.ts'
import { type GradOp, inputNames, outputNames, renameInputs, renameOutputs } from './grad_op.ts'
import { gradName, isGradName } from './names.ts'
import { opPath, unusedOutputs } from './op_path.ts'
import { removeDisconnected, removeNoGradBranch } from './prune_gradients.ts'

export interface BackwardOptions {
  /** Parameters (or names) whose gradients are wanted. Default: all trainable ones in creation order. */
  readonly parameterList?: readonly (Variable | string)[]
  /** Variables (or names) that no gradient flows into. */
  readonly noGradSet?: Iterable<Variable | string>
  /** Gradients of variables with an `errorClip` are cut as soon as they are made; `minimize` asks for it. Default false. */
  readonly errorClip?: boolean
  /** Not implemented yet. */
  readonly checkpoints?: readonly (Variable | string)[]
}

export interface ParamGrad {
  readonly param: Parameter
  readonly grad: Variable
}

/**
 * Appends the operators that compute d(loss)/d(parameter) for the parameters that the loss depends on, and returns the pairs.
 * @param loss a variable of one element.
 * @throws InvalidArgumentError E301 if `loss` has more than one element; NotFoundError E302 for a parameter that is none;
 * UnimplementedError E401/E404 for an operator on the path without a gradient here.
 */
export function appendBackward(loss: Variable, options: BackwardOptions = {}): ParamGrad[] {
  const { block } = loss
  const { program } = block
  if (options.checkpoints !== undefined && options.checkpoints.length > 0) {
    throw new UnimplementedError('E405', 'appendBackward: recompute (checkpoints) is not implemented yet')
  }
  if (block.idx !== 0) {
    throw new UnimplementedError('E404', 'appendBackward inside a sub-block is not implemented yet', {
      where: { block: block.idx, variable: loss.name },
    })
  }
  checkIsOneElement(loss)
  const lossOp = block.lastWriter(loss.name)
  if (lossOp === undefined) {
    throw new InvalidArgumentError('E301', `no operator writes the loss "${loss.name}"`, {
      where: { block: 0, variable: loss.name },
      hint: 'give the variable that the forward operators end in',
    })
  }
  const wanted = parameterList(program, options.parameterList)

  const plain = collectNoGrad(block)
  for (const given of options.noGradSet ?? []) plain.add(nameOf(given))
  // Everything that can fail is asked before the program is touched.
  const path = opPath(block, [loss.name], undefined, plain)
  for (const name of unusedOutputs(path, stopsIn(block), [loss.name], plain)) plain.add(name)
  const noGrad = new Set([...plain].map(gradName))
  const lossGrad = gradName(loss.name)
  const times = program.appendingGradTimes + 1
  const started = times > 1 ? new Set([lossGrad]) : undefined
  const made = gradientOps(block, path, noGrad, started, new Set([lossGrad]), times, new Map())

  program.appendingGradTimes = times
  block.setAttr(lossOp, OP_ROLE, OpRole.Forward | OpRole.Loss)
  const seed = lossGradientOp(program, loss)
  const ops = [seed, ...(options.errorClip === true ? withErrorClip(block, made) : made.ops)]
  renameExisting(block, ops, made.gradToVar, new Map(), new Set())
  const info: GradInfo = new Map()
  appendWithVariables(block, ops, made.gradToVar, info)

  const pairs: ParamGrad[] = []
  for (const param of wanted) {
    const found = info.get(param.name)
    if (found === undefined) continue
    const grad = block.findVar(found.grad)
    if (grad === undefined) continue
    pairs.push({ param, grad })
  }
  for (const { param, grad } of pairs) {
    const op = block.lastWriter(grad.name)
    if (op !== undefined) block.setAttr(op, OP_ROLE_VAR, [param.name, grad.name, ...op.roleVars])
  }
  return pairs
}

export interface GradientsOptions {
  /** A gradient for each target; null or undefined means ones. */
  readonly targetGradients?: readonly (Variable | null | undefined)[]
  readonly noGradSet?: Iterable<Variable | string>
}

/**
 * Appends the operators for the gradients of `targets` with respect to `inputs`; null for an input that no target depends on. Calling it on
 * its own results gives higher derivatives.
 * @throws InvalidArgumentError E303 for a target gradient of another shape, or variables of different programs.
 */
export function gradients(
  targets: Variable | readonly Variable[],
  inputs: Variable | readonly Variable[],
  options: GradientsOptions = {},
): (Variable | null)[] {
  const targetList = targets instanceof Variable ? [targets] : targets
  const inputList = inputs instanceof Variable ? [inputs] : inputs
  const first = targetList[0]
  if (first === undefined) throw new InvalidArgumentError('E303', 'gradients needs at least one target')
  const { block } = first
  const { program } = block
  for (const variable of [...targetList, ...inputList]) {
    if (variable.block.program !== program) {
      throw new InvalidArgumentError('E303', `gradients: "${variable.name}" belongs to another program`, {
        where: { variable: variable.name },
      })
    }
  }
  const given = options.targetGradients ?? []
  if (options.targetGradients !== undefined && given.length !== targetList.length) {
    throw new InvalidArgumentError('E303', 'gradients needs one target gradient (or null) per target', {
      expected: targetList.length,
      got: given.length,
    })
  }
  const renamed = new Map<string, string>()
  const seeds: GradOp[] = []
  const started = new Set<string>()
  targetList.forEach((target, i) => {
    const gradient = given[i] ?? null
    const name = gradName(target.name)
    if (gradient === null) {
      seeds.push({
        type: 'fill_any_like',
        inputs: { X: [target.name] },
        outputs: { Out: [name] },
        attrs: { value: 1, dtype: target.dtype, [OP_ROLE]: OpRole.Backward, [OP_NAMESCOPE]: '' },
      })
      started.add(name)
      return
    }
    if (!sameShape(gradient.shape, target.shape)) {
      throw new InvalidArgumentError(
        'E303',
        `gradients: target "${target.name}" has shape ${formatShape(target.shape)} but its gradient "${gradient.name}" ${formatShape(gradient.shape)}`,
        { expected: target.shape, got: gradient.shape },
      )
    }
    renamed.set(name, gradient.name)
    started.add(gradient.name)
  })
  const plain = collectNoGrad(block)
  for (const variable of options.noGradSet ?? []) plain.add(nameOf(variable))
  const targetNames = targetList.map((target) => target.name)
  const path = opPath(
    block,
    targetNames,
    inputList.map((input) => input.name),
    plain,
  )
  for (const name of unusedOutputs(path, stopsIn(block), targetNames, plain)) plain.add(name)
  const noGrad = new Set([...plain].map(gradName))
  const times = program.appendingGradTimes + 1
  const targetGrads = new Set(targetNames.map(gradName))
  const made = gradientOps(
    block,
    path,
    noGrad,
    times > 1 ? started : undefined,
    targetGrads,
    times,
    new Map(times > 1 ? renamed : []),
  )

  program.appendingGradTimes = times
  // The ones of the targets stand before everything else and keep their names.
  const info: GradInfo = new Map()
  appendWithVariables(block, seeds, new Map(), info)
  renameExisting(block, made.ops, made.gradToVar, renamed, targetGrads)
  appendWithVariables(block, made.ops, made.gradToVar, info)
  return inputList.map((input) => {
    // As in Paddle, a target that is itself an input has no gradient.
    const found = targetNames.includes(input.name) ? undefined : info.get(input.name)
    return found === undefined ? null : (block.findVar(found.grad) ?? null)
  })
}

/** The gradient operators of one block's path, arranged: renamed for repeated passes, summed up, pruned. */
function gradientOps(
  block: Block,
  path: readonly Operator[],
  noGrad: Set<string>,
  started: Set<string> | undefined,
  targetGrads: ReadonlySet<string>,
  times: number,
  renamedInPass: Map<string, string>,
): { ops: GradOp[]; gradToVar: Map<string, string> } {
  const { library } = block.program
  const gradToVar = new Map<string, string>()
  let ops: GradOp[] = []
  for (let i = path.length - 1; i >= 0; i--) {
    const op = path[i]!
    const place = (): ErrorPlace => ({ block: block.idx, op: block.ops.indexOf(op), opType: op.type })
    const made = withPlace(place, () =>
      makeGradOps(library, op, noGrad, () => {
        throw new UnimplementedError(
          'E404',
          `the gradient of ${op.type}, an operator with a sub-block, is not implemented yet`,
        )
      }),
    )
    const forwardInputs = times > 1 ? new Set(op.inputNames()) : undefined
    for (const gradOp of made.ops) {
      if (forwardInputs !== undefined)
        renameForRepeatedPass(block, gradOp, forwardInputs, renamedInPass, times, made.gradToVar, gradToVar)
      if (started !== undefined) {
        const reads = inputNames(gradOp).filter((name) => isGradName(name) || started.has(name))
        if (!reads.some((name) => started.has(name))) continue
        for (const name of outputNames(gradOp)) if (name !== EMPTY_VAR) started.add(name)
      }
      ops.push(gradOp)
    }
    for (const [grad, variable] of made.gradToVar) gradToVar.set(renamedInPass.get(grad) ?? grad, variable)
  }
  ops = arrangeGradOps(ops, path, block.idx, noGrad, targetGrads, started)
  return { ops, gradToVar }
}

/**
 * Gradient operators in the order of a backward walk, made whole: repeated gradients summed up, unwanted ones cut. Static programs and the
 * tape of dygraph go through here, so that both add up in the same order.
 */
export function arrangeGradOps(
  ops: readonly GradOp[],
  path: readonly Operator[],
  blockIdx: number,
  noGrad: Set<string>,
  targetGrads: ReadonlySet<string>,
  started: ReadonlySet<string> | undefined,
): GradOp[] {
  const summed = addUpRepeatedOutputs(ops, blockIdx)
  return removeDisconnected(removeNoGradBranch(summed, noGrad, targetGrads), path, started)
}

const stopsIn =
  (block: Block) =>
  (name: string): boolean =>
    block.findVar(name)?.stopGradient === true

/** In a second or later pass, gradients that exist as variables already get the prefix `grad/`, once per pass. */
function renameForRepeatedPass(
  block: Block,
  op: GradOp,
  forwardInputs: ReadonlySet<string>,
  renamed: Map<string, string>,
  times: number,
  from: ReadonlyMap<string, string>,
  gradToVar: Map<string, string>,
): void {
  for (const name of inputNames(op)) {
    const to = renamed.get(name)
    if (to !== undefined && !forwardInputs.has(name)) renameInputs(op, name, to)
  }
  for (const name of outputNames(op)) {
    if (!isGradName(name) || name === EMPTY_VAR || !block.hasVar(name)) continue
    const to = 'grad/'.repeat(times) + name
    renameOutputs(op, name, to)
    renamed.set(name, to)
    const variable = from.get(name)
    if (variable !== undefined) gradToVar.set(to, variable)
  }
}

/** Outputs that exist as variables from an earlier pass get a fresh name: `x@GRAD_0`. */
function renameExisting(
  block: Block,
  ops: readonly GradOp[],
  gradToVar: Map<string, string>,
  renamed: Map<string, string>,
  keep: ReadonlySet<string>,
): void {
  for (const op of ops) {
    for (const name of inputNames(op)) {
      const to = renamed.get(name)
      if (to !== undefined) renameInputs(op, name, to)
    }
    for (const name of outputNames(op)) {
      if (!isGradName(name) || keep.has(name) || !block.hasVar(name)) continue
      const to = block.program.names.generate(name)
      renameOutputs(op, name, to)
      renamed.set(name, to)
      const variable = gradToVar.get(name)
      if (variable !== undefined) gradToVar.set(to, variable)
    }
  }
}

/** Behind each operator that makes the gradient of a variable with an error clip: `clip`, in place. As in Paddle it has no role. */
function withErrorClip(block: Block, { ops, gradToVar }: ReturnType<typeof gradientOps>): GradOp[] {
  const result: GradOp[] = []
  for (const op of ops) {
    result.push(op)
    for (const name of outputNames(op)) {
      const variable = gradToVar.get(name)
      const range = variable === undefined ? undefined : block.findVar(variable)?.errorClip
      if (range === undefined) continue
      const clip = {
        type: 'clip',
        inputs: { X: [name] },
        outputs: { Out: [name] },
        attrs: { ...range, [OP_ROLE]: OpRole.NotSpecified },
      }
      fillDefaults(block.program.library, clip)
      result.push(clip)
    }
  }
  return result
}

/** d(loss)/d(loss) = 1. */
function lossGradientOp(program: Program, loss: Variable): GradOp {
  const op: GradOp = {
    type: 'fill_constant',
    inputs: {},
    outputs: { Out: [gradName(loss.name)] },
    attrs: {
      shape: loss.shape.length === 0 || loss.shape.includes(0) ? loss.shape : [1],
      value: 1,
      str_value: '',
      dtype: loss.dtype,

      [OP_ROLE]: OpRole.Backward | OpRole.Loss,
      [OP_NAMESCOPE]: '',
    },
  }
  fillDefaults(program.library, op)
  return op
}

function checkIsOneElement(loss: Variable): void {
  if (loss.shape.every((dim) => dim === 1)) return
  throw new InvalidArgumentError(
    'E301',
    `the loss must have one element, "${loss.name}" has shape ${formatShape(loss.shape)}`,
    {
      where: { block: loss.block.idx, variable: loss.name },
      expected: [],
      got: loss.shape,
      hint: 'reduce it first, for example with mean()',
    },
  )
}

function parameterList(program: Program, given: BackwardOptions['parameterList']): Parameter[] {
  if (given === undefined)
    return program
      .globalBlock()
      .parameters()
      .filter((param) => param.trainable)
  return given.map((item) => {
    const variable = program.globalBlock().var(nameOf(item))
    if (variable instanceof Parameter) return variable
    throw new NotFoundError('E302', `"${variable.name}" is not a parameter`, {
      where: { block: 0, variable: variable.name },
      expected: program.parameters().map((param) => param.name),
      got: variable.name,
    })
  })
}

/** Names of the block's own variables that stop gradients. */
function collectNoGrad(block: Block): Set<string> {
  const names = new Set<string>()
  for (const variable of block.vars.values()) if (variable.stopGradient) names.add(variable.name)
  return names
}

const nameOf = (item: Variable | string): string => (typeof item === 'string' ? item : item.name)
