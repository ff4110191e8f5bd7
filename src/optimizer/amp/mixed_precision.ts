/**
 * An optimizer with mixed precision around it: `minimize` rewrites the program, scales the loss, appends backward, checks and unscales the
 * gradients, and then lets the optimizer append its updates. Source: python/paddle/static/amp/decorator.py (2.6.2).
 */
import { InvalidArgumentError, PreconditionNotMetError } from '../../errors.ts'
import type { ParamGrad } from '../../framework/autodiff/backward.ts'
import type { Program } from '../../framework/program.ts'
import type { ProgramPair } from '../../framework/program_guard.ts'
import type { Variable } from '../../framework/variable.ts'
import { isHalf } from '../../tensor/dtype.ts'
import { type MinimizeOptions, type MinimizeResult, type Optimizer, startupOf } from '../optimizer.ts'
import type { ValueStore } from '../value_store.ts'
import { castModel } from './cast_model.ts'
import type { AmpLevel, AutoMixedPrecisionLists } from './lists.ts'
import {
  appendCopyToCpu,
  appendUnscale,
  appendUpdateScale,
  createScaleVariables,
  type ScaleCourse,
  type ScaleVariables,
  splitGradients,
} from './loss_scaling.ts'
import { castParameters } from './parameters.ts'
import { moveGradientCasts } from './role_vars.ts'

export interface MixedPrecisionOptions extends ScaleCourse {
  readonly lists: AutoMixedPrecisionLists
  readonly level: AmpLevel
  readonly initLossScaling: number
  readonly useDynamicLossScaling: boolean
  readonly useGuard: boolean
  readonly usePromote: boolean
  /** O2: half gradients are cast to float32 before they are unscaled and clipped. */
  readonly masterGrad: boolean
}

export interface AmpInitOptions {
  /** A test program, cast as the training program was: at O2 always, at O1 and OD with `useFp16Test`. */
  readonly testProgram?: Program
  readonly useFp16Test?: boolean
  /** Sets master weights from the rounded parameters, instead of leaving them as startup set them. */
  readonly rewriteMasterWeight?: boolean
}

/** Use `decorate`. */
export class OptimizerWithMixedPrecision {
  readonly optimizer: Optimizer
  readonly #options: MixedPrecisionOptions
  #program: Program | undefined
  #variables: ScaleVariables | undefined
  #scaledLoss: Variable | undefined
  #halfNames: ReadonlySet<string> = new Set()

  constructor(optimizer: Optimizer, options: MixedPrecisionOptions) {
    this.optimizer = optimizer
    this.#options = options
  }

  /** The variable of the loss scale. @throws PreconditionNotMetError E323 before `minimize`. */
  getLossScaling(): Variable {
    if (this.#variables === undefined) throw notMinimized('getLossScaling')
    return this.#variables.lossScaling
  }

  /** The loss times its scale. @throws PreconditionNotMetError E323 before `minimize`. */
  getScaledLoss(): Variable {
    if (this.#scaledLoss === undefined) throw notMinimized('getScaledLoss')
    return this.#scaledLoss
  }

  /**
   * Rewrites the loss's program and appends backward, loss scaling and updates. Nothing is changed if this throws for what `backward` of the
   * optimizer would throw.
   * @throws what Optimizer.minimize throws; InvalidArgumentError E321, E322.
   */
  minimize(loss: Variable, options: MinimizeOptions = {}): MinimizeResult {
    const startup = startupOf(loss.block.program, options.startup)
    const pairs = this.backward(loss, options)
    return this.applyGradients(pairs, { startup })
  }

  /** The first half of minimize: the program rewritten, the loss scaled, and the gradients of the scaled loss. */
  backward(loss: Variable, options: MinimizeOptions = {}): ParamGrad[] {
    const { level, initLossScaling, useDynamicLossScaling } = this.#options
    const { program } = loss.block
    this.#tryBackward(loss, options)
    const programs = { main: program, startup: startupOf(program, options.startup) }
    this.#program = program
    this.#variables = createScaleVariables(programs, initLossScaling, useDynamicLossScaling)
    this.optimizer._create_float32_learning_rate(programs)
    const names = this.#cast(program)
    if (level === 'O2') this.#halfNames = names
    const wide = loss.dtype === 'float32' ? loss : toFloat32(loss)
    this.#scaledLoss = this.#scales ? wide.mul(this.#variables.lossScaling) : wide
    return this.optimizer.backward(this.#scaledLoss, options)
  }

  /** The second half of minimize, for pairs that `backward` gave. */
  applyGradients(paramsGrads: readonly ParamGrad[], options: { readonly startup?: Program } = {}): MinimizeResult {
    const main = this.#program
    if (main === undefined || this.#variables === undefined) throw notMinimized('applyGradients')
    const programs = { main, startup: startupOf(main, options.startup) }
    moveGradientCasts(main.globalBlock(), paramsGrads)
    const pairs = this.#options.masterGrad ? this.#toMasterGradients(programs, paramsGrads) : paramsGrads
    if (!this.#scales) return this.optimizer.applyGradients(pairs, options)
    const { lists, level, useDynamicLossScaling } = this.#options
    const grads = pairs.map(({ grad }) => grad)
    const pure = level === 'O2'
    const found = appendUnscale(programs, grads, this.#variables.lossScaling, lists.dtype, pure)
    if (useDynamicLossScaling && lists.dtype === 'float16') {
      appendUpdateScale(programs, grads, found, this.#variables, this.#options, lists.dtype, pure)
    }
    const skip = this.optimizer._reads_found_inf_on_cpu ? appendCopyToCpu(programs, found) : found
    this.optimizer._set_auxiliary_var('found_inf', skip)
    return this.optimizer.applyGradients(pairs, options)
  }

  /**
   * To be called once the startup program has run: rounds the float32 parameters that the rewritten program wants in the half type (to
   * nearest even), and rewrites a test program. Master weights keep the float32 values that startup gave them.
   * @param values where the parameters are: a Scope. @returns the names of the parameters that were rounded.
   * @throws PreconditionNotMetError E323 before `minimize`.
   */
  ampInit(values: ValueStore, options: AmpInitOptions = {}): string[] {
    if (this.#program === undefined) throw notMinimized('ampInit')
    const { level } = this.#options
    const { testProgram, useFp16Test = false, rewriteMasterWeight = false } = options
    const cast =
      level === 'O2' ? castParameters(this.#program, values, { names: this.#halfNames, rewriteMasterWeight }) : []
    if (testProgram !== undefined && (level === 'O2' || useFp16Test)) {
      this.#cast(testProgram)
    }
    return cast
  }

  get #scales(): boolean {
    return this.#options.useDynamicLossScaling || this.#options.initLossScaling !== 1
  }

  #cast(program: Program): Set<string> {
    const { level, lists, usePromote } = this.#options
    const useGuard = level === 'O2' && this.#options.useGuard
    return castModel(program, { lists, level, useGuard, usePromote })
  }

  /** Everything that the rewriting and backward refuse is refused before the program is touched. */
  #tryBackward(loss: Variable, options: MinimizeOptions): void {
    if (loss.block.idx === 0 && !['float16', 'bfloat16', 'float32', 'float64'].includes(loss.dtype)) {
      throw new InvalidArgumentError('E301', `the loss "${loss.name}" is ${loss.dtype}, not floating`, {
        where: { block: 0, variable: loss.name },
        got: loss.dtype,
      })
    }
    const copy = loss.block.program.clone()
    this.#cast(copy)
    const pairs = this.optimizer.backward(copy.blocks[loss.block.idx]!.var(loss.name), {
      ...(options.parameterList === undefined ? {} : { parameterList: options.parameterList.map(nameOf) }),
      ...(options.noGradSet === undefined ? {} : { noGradSet: [...options.noGradSet].map(nameOf) }),
    })
    splitGradients(
      pairs.map(({ grad }) => grad),
      this.#options.lists.dtype,
    )
  }

  /** A float32 copy of each half gradient, `<gradient>_fp32_master_<n>`. */
  #toMasterGradients({ main }: ProgramPair, pairs: readonly ParamGrad[]): ParamGrad[] {
    const block = main.globalBlock()
    return pairs.map(({ param, grad }) => {
      if (!isHalf(grad.dtype)) return { param, grad }
      const name = main.names.generate(`${grad.name}_fp32_master`)
      const { shape, lodLevel, persistable } = grad
      const master = block.createVar({ name, dtype: 'float32', shape, lodLevel, persistable })
      block.appendOp({
        type: 'cast',
        inputs: { X: grad },
        outputs: { Out: master },
        attrs: { in_dtype: grad.dtype, out_dtype: 'float32' },
      })
      return { param, grad: master }
    })
  }
}

const nameOf = (given: Variable | string): string => (typeof given === 'string' ? given : given.name)

/** As `astype` of Paddle's variables: a cast into `tmp_<n>`. */
function toFloat32(loss: Variable): Variable {
  const block = loss.block.program.currentBlock()
  const out = block.createVar({ name: block.program.names.generate('tmp'), dtype: 'float32' })
  block.appendOp({
    type: 'cast',
    inputs: { X: loss },
    outputs: { Out: out },
    attrs: { in_dtype: loss.dtype, out_dtype: 'float32' },
  })
  return out
}

const notMinimized = (what: string): PreconditionNotMetError =>
  new PreconditionNotMetError('E323', `${what} needs the program that minimize rewrites`, {
    hint: 'call minimize(loss) first',
  })
