/**
 * The flow that all optimizers share: backward, clipping, decay, learning rate, accumulators, then one update operator per parameter.
 * Subclasses implement Paddle's hooks under Paddle's names. Source: python/paddle/optimizer/optimizer.py (2.6.2).
 */
import { InvalidArgumentError, NotFoundError, PreconditionNotMetError } from '../errors.ts'
import { appendBackward, type ParamGrad } from '../framework/autodiff/backward.ts'
import type { AppendOpDesc, Block } from '../framework/block.ts'
import { initializer } from '../framework/initializer.ts'
import { OpRole } from '../framework/op_role.ts'
import type { Operator } from '../framework/operator.ts'
import type { Program } from '../framework/program.ts'
import type { ProgramPair } from '../framework/program_guard.ts'
import type { Parameter, Regularizer, Variable } from '../framework/variable.ts'
import { type DType, isHalf } from '../tensor/dtype.ts'
import type { Shape } from '../tensor/shape.ts'
import type { GradClip } from './clip.ts'
import { appendRegularizationOps, toRegularizer } from './regularizer.ts'

export interface OptimizerOptions {
  /** Default 0.001. */
  readonly learningRate?: number
  /** A number means L2Decay. */
  readonly weightDecay?: number | Regularizer | null
  readonly gradClip?: GradClip | null
  /** Goes into the names of accumulators. */
  readonly name?: string
  /** Keeps a float32 master weight for each half parameter. Default false. */
  readonly multiPrecision?: boolean
}

export interface MinimizeOptions {
  /** Default: the startup program that belongs to the loss's program. */
  readonly startup?: Program
  /** Default: all trainable parameters. */
  readonly parameterList?: readonly (Variable | string)[]
  readonly noGradSet?: Iterable<Variable | string>
}

export interface MinimizeResult {
  /** The operators appended after backward, from the first clipping or decay operator on. */
  readonly optimizeOps: readonly Operator[]
  readonly paramsGrads: readonly ParamGrad[]
}

/** Where an optimizer's operators go: a block. */
export interface OpSink {
  appendOp(desc: AppendOpDesc): Operator
}

export interface AccumulatorOptions {
  /** Default: float32 for half parameters, else the parameter's. */
  readonly dtype?: DType
  /** Initial value. Default 0. */
  readonly fillValue?: number
  /** Default: the parameter's. */
  readonly shape?: Shape
  readonly device?: 'cpu'
}

export abstract class Optimizer {
  /** Paddle's class name: the key of the name counter. */
  abstract readonly type: string
  readonly learningRate: number
  readonly regularizer: Regularizer | null
  readonly gradClip: GradClip | null
  readonly name: string | undefined
  readonly multiPrecision: boolean
  #accumulators = new Map<string, Map<string, Variable>>()
  #masters = new Map<string, Variable>()
  #learningRates = new WeakMap<Program, Variable>()
  #programs: ProgramPair | undefined
  #lossDType: DType = 'float32'

  /** @throws InvalidArgumentError E310 for a learning rate that is no finite number. */
  constructor(options: OptimizerOptions = {}) {
    const rate = options.learningRate ?? 0.001
    if (typeof rate !== 'number' || !Number.isFinite(rate)) {
      throw new InvalidArgumentError('E310', `learningRate must be a finite number, got ${String(rate)}`, {
        expected: 'a finite number',
        got: rate,
      })
    }
    this.learningRate = rate
    this.regularizer = toRegularizer(options.weightDecay)
    this.gradClip = options.gradClip ?? null
    this.name = options.name
    this.multiPrecision = options.multiPrecision ?? false
  }

  /**
   * Appends backward and update operators to the loss's program, and what they need to the startup program.
   * @throws InvalidArgumentError E301 if the loss has more than one element or depends on no parameter; PreconditionNotMetError E304 if no
   * startup program is known.
   */
  minimize(loss: Variable, options: MinimizeOptions = {}): MinimizeResult {
    const startup = this.#startup(loss.block.program, options.startup)
    const pairs = this.backward(loss, options)
    return this.applyGradients(pairs, { startup })
  }

  /** The first half of minimize: gradients of the parameters. */
  backward(loss: Variable, options: MinimizeOptions = {}): ParamGrad[] {
    this.#lossDType = loss.dtype
    const { program } = loss.block
    const stopped = program.parameters().filter((param) => param.stopGradient)
    const pairs = appendBackward(loss, {
      ...(options.parameterList === undefined ? {} : { parameterList: options.parameterList }),
      noGradSet: [...(options.noGradSet ?? []), ...stopped],
    })
    if (pairs.length === 0) {
      throw new InvalidArgumentError('E301', `the loss "${loss.name}" depends on no parameter that can be trained`, {
        where: { block: 0, variable: loss.name },
        expected: program.parameters().map((param) => param.name),
        hint: 'check stopGradient, trainable, noGradSet and the operators between parameters and loss',
      })
    }
    return pairs
  }

  /** The second half of minimize: clipping, decay and updates for pairs that `backward` or `appendBackward` gave. */
  applyGradients(paramsGrads: readonly ParamGrad[], options: { readonly startup?: Program } = {}): MinimizeResult {
    const first = paramsGrads[0]
    if (first === undefined)
      throw new InvalidArgumentError('E301', 'applyGradients needs at least one parameter with a gradient')
    const main = first.param.block.program
    const startup = this.#startup(main, options.startup)
    this.#programs = { main, startup }
    const block = main.globalBlock()
    const start = block.ops.length
    let pairs = [...paramsGrads].sort((a, b) =>
      a.param.name < b.param.name ? -1 : a.param.name > b.param.name ? 1 : 0,
    )
    const { gradClip } = this
    if (gradClip === null) main.nameScopes.skip('gradient_clip')
    else pairs = main.withNameScope('gradient_clip', () => gradClip.append(pairs, { main, startup }))
    pairs = appendRegularizationOps(pairs, this.regularizer, ({ param, grad }) =>
      param.dtype === grad.dtype ? param : (this.#masters.get(param.name) ?? param),
    )
    this.#appendUpdates(block, pairs)
    return { optimizeOps: block.ops.slice(start), paramsGrads: pairs }
  }

  #appendUpdates(block: Block, pairs: readonly ParamGrad[]): void {
    const { main } = this.#programs!
    main.names.generate(this.type)
    this.#globalLearningRate()
    this._create_accumulators(
      block,
      pairs.map(({ param }) => param),
    )
    for (const { param, grad } of pairs) {
      main.withRole(OpRole.Optimize, [param.name, grad.name], () =>
        main.withNameScope('optimizer', () => this._append_optimize_op(block, [param, grad])),
      )
    }
    this._finish_update(block, pairs)
  }

  /** Makes the accumulators of all parameters. */
  _create_accumulators(_block: Block, _parameters: readonly Parameter[]): void {}

  /** Appends the update operator of one parameter. */
  abstract _append_optimize_op(block: OpSink, paramAndGrad: readonly [Parameter, Variable]): Operator

  /** Appends what comes after all updates. */
  _finish_update(_block: Block, _parametersAndGrads: readonly ParamGrad[]): void {}

  /**
   * A persistable variable `<parameter>_<name>_<n>` beside a parameter, set once by the startup program.
   * @param param the parameter, or its master weight. @throws InvalidArgumentError E311 if it exists.
   */
  _add_accumulator(name: string, param: Variable, options: AccumulatorOptions = {}): Variable {
    const key = this.name === undefined ? name : `${this.name}_${name}`
    let ofName = this.#accumulators.get(key)
    if (ofName === undefined) this.#accumulators.set(key, (ofName = new Map()))
    const existing = ofName.get(param.name)
    if (existing !== undefined && existing.block.program === param.block.program) {
      throw new InvalidArgumentError('E311', `accumulator ${name} of "${param.name}" exists already`, {
        where: { variable: existing.name },
      })
    }
    const { main } = this.#programs!
    const dtype = options.dtype ?? (isHalf(param.dtype) ? 'float32' : param.dtype)
    const shape = options.shape ?? param.shape
    const variable = this.#persistable(
      { name: main.names.generate(`${param.name}_${key}`), dtype, shape, stopGradient: false },
      options.fillValue ?? 0,
      options.device,
    )
    ofName.set(param.name, variable)
    return variable
  }

  /** @throws NotFoundError E312 if `_create_accumulators` did not make it. */
  _get_accumulator(name: string, param: Variable): Variable {
    const key = this.name === undefined ? name : `${this.name}_${name}`
    const variable = this.#accumulators.get(key)?.get(param.name)
    if (variable !== undefined) return variable
    throw new NotFoundError('E312', `${this.type} has no accumulator ${name} for "${param.name}"`, {
      where: { variable: param.name },
      expected: [...this.#accumulators.keys()],
      got: name,
    })
  }

  /** The learning rate of a parameter: the global one, times the parameter's own factor if that is not 1. */
  _create_param_lr([param]: readonly [Parameter, Variable]): Variable {
    const global = this.#globalLearningRate()
    if (param.learningRate === 1) return global
    const { main } = this.#programs!
    return main.withRole(OpRole.LRSched | OpRole.Optimize, [], () =>
      main.withNameScope('scale_with_param_lr', () => {
        const block = main.globalBlock()
        const scaled = block.createVar({ name: main.names.generate('tmp'), dtype: global.dtype, stopGradient: true })
        block.appendOp({
          type: 'scale',
          inputs: { X: global },
          outputs: { Out: scaled },
          attrs: { scale: param.learningRate, bias: 0 },
        })
        return scaled
      }),
    )
  }

  /** The float32 copy that a half parameter is trained in; set by the startup program from the parameter. */
  _create_master_weight(param: Parameter): Variable {
    const existing = this.#masters.get(param.name)
    if (existing !== undefined && existing.block.program === param.block.program) return existing
    const { main, startup } = this.#programs!
    const name = main.names.generate(`${param.name}_fp32_master`)
    const master = this.#persistable({ name, dtype: 'float32', shape: param.shape, stopGradient: true }, 0)
    startup.globalBlock().appendOp({
      type: 'cast',
      inputs: { X: param.name },
      outputs: { Out: name },
      attrs: { in_dtype: param.dtype, out_dtype: 'float32' },
    })
    this.#masters.set(param.name, master)
    return master
  }

  /** True for parameters that are updated through a master weight. */
  _uses_master_weight(param: Variable): boolean {
    return this.multiPrecision && isHalf(param.dtype)
  }

  #globalLearningRate(): Variable {
    const { main } = this.#programs!
    const existing = this.#learningRates.get(main)
    if (existing !== undefined) return existing
    const name = main.names.generate('learning_rate')
    const dtype = isHalf(this.#lossDType) ? 'float32' : this.#lossDType
    const variable = this.#persistable({ name, dtype, shape: [], stopGradient: true }, this.learningRate)
    this.#learningRates.set(main, variable)
    return variable
  }

  /** A persistable variable in main, and in startup with the fill_constant that sets it. */
  #persistable(
    desc: { readonly name: string; readonly dtype: DType; readonly shape: Shape; readonly stopGradient: boolean },
    value: number,
    device?: 'cpu',
  ): Variable {
    const { main, startup } = this.#programs!
    const variable = main.globalBlock().createVar({ ...desc, persistable: true })
    const block = startup.globalBlock()
    const target = block.createVar({ ...desc, persistable: true })
    initializer.Constant(value).append(block, target)
    if (device !== undefined) block.setAttr(block.ops[block.ops.length - 1]!, 'op_device', device)
    return variable
  }

  #startup(main: Program, given: Program | undefined): Program {
    const startup = given ?? main.startup
    if (startup === undefined) {
      throw new PreconditionNotMetError('E304', 'no startup program is known for the program of the loss', {
        hint: 'pass it: minimize(loss, { startup })',
      })
    }
    // Accumulators are variables of both programs; a later run of main names the startup program in its errors.
    main.startup ??= startup
    startup.isStartup = true
    return startup
  }
}
