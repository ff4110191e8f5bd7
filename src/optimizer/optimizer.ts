/**
 * The flow that all optimizers share: clipping, decay, learning rate, accumulators, then one update operator per parameter. `minimize`
 * appends it to a program, `step` runs it at once; both call the same hooks, which subclasses implement under Paddle's names.
 * Source: python/paddle/optimizer/optimizer.py (2.6.2).
 */
import { InvalidArgumentError, NotFoundError, PreconditionNotMetError } from '../errors.ts'
import { appendBackward, type ParamGrad } from '../framework/autodiff/backward.ts'
import type { Block } from '../framework/block.ts'
import { initializer } from '../framework/initializer.ts'
import { OP_ROLE_VAR, OpRole } from '../framework/op_role.ts'
import type { Operator } from '../framework/operator.ts'
import type { Program } from '../framework/program.ts'
import type { ProgramPair } from '../framework/program_guard.ts'
import { type Regularizer, Variable } from '../framework/variable.ts'
import { type DType, isHalf } from '../tensor/dtype.ts'
import { ParameterTensor } from '../tensor/parameter_tensor.ts'
import type { Shape } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { TensorEngine } from '../tensor/tensor_like.ts'
import type { GradClip } from './clip.ts'
import { eagerEmitter, type OptimizerValue, type ParamGradPair, staticEmitter } from './emitter.ts'
import { linkScheduler } from './lr/attach.ts'
import { LRScheduler } from './lr/scheduler.ts'
import type { OptimizedParameter } from './parameter.ts'
import { appendRegularization, toRegularizer } from './regularizer.ts'
import { constantTensor } from './state.ts'

export interface OptimizerOptions {
  /** Default 0.001. Of a schedule each step takes the present rate. A variable of the program takes its place as it is. */
  readonly learningRate?: number | LRScheduler | Variable
  /** Dygraph: the parameters that `step` updates. */
  readonly parameters?: readonly ParameterTensor[]
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

/** An update operator as hooks describe it. */
export interface UpdateDesc {
  readonly type: string
  readonly inputs: Readonly<Record<string, OptimizerValue>>
  readonly outputs: Readonly<Record<string, OptimizerValue>>
  readonly attrs?: Readonly<Record<string, unknown>>
}

/** Where a hook puts its operator: a block appends it, dygraph runs it at once. */
export interface OpSink {
  appendOp(desc: UpdateDesc): unknown
}

export interface AccumulatorOptions {
  /** Default: the parameter's. */
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
  readonly learningRate: number | LRScheduler | Variable
  readonly regularizer: Regularizer | null
  readonly gradClip: GradClip | null
  readonly name: string | undefined
  /** Mixed precision by level sets it from outside. */
  multiPrecision: boolean
  readonly parameters: readonly ParameterTensor[]
  #accumulators = new Map<string, Map<string, OptimizerValue>>()
  #masters = new Map<string, OptimizerValue>()
  #learningRates = new WeakMap<Program, Variable>()
  #eagerRate: Tensor | undefined
  #auxiliary = new Map<string, OptimizerValue>()
  /** The programs being appended to; undefined while `step` runs. */
  #programs: ProgramPair | undefined
  #lossDType: DType = 'float32'

  /** @throws InvalidArgumentError E310 for a learning rate that is neither a finite number nor a schedule or variable. */
  constructor(options: OptimizerOptions = {}) {
    const rate = options.learningRate ?? 0.001
    if (!Number.isFinite(rate) && !(rate instanceof LRScheduler) && !(rate instanceof Variable)) {
      throw new InvalidArgumentError(
        'E310',
        `learningRate must be a finite number or a schedule, got ${String(rate)}`,
        {
          expected: 'a finite number, a schedule or a variable',
          got: rate,
        },
      )
    }
    this.learningRate = rate
    this.regularizer = toRegularizer(options.weightDecay)
    this.gradClip = options.gradClip ?? null
    this.name = options.name
    this.multiPrecision = options.multiPrecision ?? false
    this.parameters = options.parameters ?? []
  }

  /**
   * Appends backward and update operators to the loss's program, and what they need to the startup program.
   * @throws InvalidArgumentError E301 if the loss has more than one element or depends on no parameter; PreconditionNotMetError E304 if no
   * startup program is known.
   */
  minimize(loss: Variable, options: MinimizeOptions = {}): MinimizeResult {
    const startup = startupOf(loss.block.program, options.startup)
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
      errorClip: true,
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
    if (first === undefined) {
      throw new InvalidArgumentError('E301', 'applyGradients needs at least one parameter with a gradient')
    }
    const main = first.param.block.program
    const programs = { main, startup: startupOf(main, options.startup) }
    this.#programs = programs
    const block = main.globalBlock()
    const start = block.ops.length
    let pairs = [...paramsGrads].sort((a, b) =>
      a.param.name < b.param.name ? -1 : a.param.name > b.param.name ? 1 : 0,
    )
    const emitter = staticEmitter(programs)
    const { gradClip } = this
    if (gradClip === null) main.nameScopes.skip('gradient_clip')
    else {
      const before = pairs
      pairs = main.withNameScope('gradient_clip', () => gradClip.clip(before, emitter)) as ParamGrad[]
      correctRoleVars(block, start, before, pairs)
    }
    pairs = main.withNameScope('regularization', () =>
      appendRegularization(
        pairs,
        (param) => this._regularization_of(param),
        emitter,
        ({ param, grad }) => (param.dtype === grad.dtype ? param : (this.#masters.get(param.name) ?? param)),
      ),
    ) as ParamGrad[]
    main.names.generate(this.type)
    this.#prepareLearningRate()
    const parameters = pairs.map(({ param }) => param)
    programs.startup.withSharedCallSite(() => this._create_accumulators(block, parameters))
    const sink: OpSink = { appendOp: (desc) => block.appendOp(desc as Parameters<Block['appendOp']>[0]) }
    main.withSharedCallSite(() => {
      for (const { param, grad } of pairs) {
        main.withRole(OpRole.Optimize, [param.name, grad.name], () =>
          main.withNameScope('optimizer', () => this._append_optimize_op(sink, [param, grad])),
        )
      }
    })
    this._finish_update(sink, pairs)
    return { optimizeOps: block.ops.slice(start), paramsGrads: pairs }
  }

  /**
   * Dygraph: updates the parameters that have a gradient, in the order of their names, as a program does. (Paddle's dygraph takes the order
   * of the list, which changes the last bits of a global norm.)
   * @throws PreconditionNotMetError E313 if the optimizer was made without `parameters`.
   */
  step(): void {
    const engine = this.parameters[0]?.engine
    if (engine === undefined) {
      throw new PreconditionNotMetError('E313', `${this.type}.step() needs the parameters to update`, {
        hint: 'make the optimizer with { parameters: model.parameters() }',
      })
    }
    this.#programs = undefined
    engine.noGrad(() => this.#stepNow(engine))
  }

  #stepNow(engine: TensorEngine): void {
    let pairs: ParamGradPair[] = []
    for (const param of this.parameters)
      if (param.trainable && param.grad !== null) pairs.push({ param, grad: param.grad })
    if (pairs.length === 0) return
    pairs.sort(byParameterName)
    if (this.learningRate instanceof LRScheduler) this.#eagerRate = undefined
    const emitter = eagerEmitter(engine)
    if (this.gradClip !== null) pairs = this.gradClip.clip(pairs, emitter)
    pairs = appendRegularization(
      pairs,
      (param) => this._regularization_of(param),
      emitter,
      ({ param, grad }) => (param.dtype === grad.dtype ? param : (this.#masters.get(param.name) ?? param)),
    )
    const fresh = pairs.map(({ param }) => param).filter((param) => !this.#hasState(param))
    const sink: OpSink = { appendOp: (desc) => engine.run(desc as Parameters<TensorEngine['run']>[0]) }
    this._create_accumulators(sink, fresh)
    for (const param of fresh) this.#stateful.add(param)
    for (const { param, grad } of pairs) this._append_optimize_op(sink, [param, grad])
    this._finish_update(sink, pairs)
  }

  #stateful = new WeakSet<OptimizedParameter>()
  #hasState(param: OptimizedParameter): boolean {
    return this.#stateful.has(param)
  }

  /** Dygraph: forgets the gradients of all parameters. */
  clearGrad(): void {
    for (const param of this.parameters) param.clearGrad()
  }

  /** The decay that operators of its own add to a parameter's gradient: the parameter's, else the optimizer's. */
  _regularization_of(param: OptimizedParameter): Regularizer | null {
    return param.regularizer ?? this.regularizer
  }

  /** Makes the accumulators of all parameters. */
  _create_accumulators(_block: unknown, _parameters: readonly OptimizedParameter[]): void {}

  /** Appends (in dygraph: runs) the update operator of one parameter. */
  abstract _append_optimize_op(block: OpSink, paramAndGrad: readonly [OptimizedParameter, OptimizerValue]): unknown

  /** Appends what comes after all updates. */
  _finish_update(_block: OpSink, _parametersAndGrads: readonly ParamGradPair[]): void {}

  /**
   * A value beside a parameter that training keeps: in a program the persistable variable `<parameter>_<name>_<n>`, set once by the startup
   * program.
   * @param param the parameter, or its master weight. @throws InvalidArgumentError E311 if it exists.
   */
  _add_accumulator(name: string, param: OptimizerValue, options: AccumulatorOptions = {}): OptimizerValue {
    const key = this.name === undefined ? name : `${this.name}_${name}`
    let ofName = this.#accumulators.get(key)
    if (ofName === undefined) this.#accumulators.set(key, (ofName = new Map()))
    const owner = nameOf(param)
    const existing = ofName.get(owner)
    if (existing !== undefined && sameHome(existing, param)) {
      throw new InvalidArgumentError('E311', `accumulator ${name} of "${owner}" exists already`, {
        where: { variable: owner },
      })
    }
    const dtype = options.dtype ?? param.dtype
    const shape = options.shape ?? param.shape
    const value = options.fillValue ?? 0
    const made =
      param instanceof Tensor
        ? constantTensor(dtype, shape, value, param.engine)
        : this.#persistable(
            { name: this.#programs!.main.names.generate(`${owner}_${key}`), dtype, shape, stopGradient: false },
            value,
            options.device,
          )
    ofName.set(owner, made)
    return made
  }

  /** @throws NotFoundError E312 if `_create_accumulators` did not make it. */
  _get_accumulator(name: string, param: OptimizerValue): OptimizerValue {
    const key = this.name === undefined ? name : `${this.name}_${name}`
    const owner = nameOf(param)
    const found = this.#accumulators.get(key)?.get(owner)
    if (found !== undefined) return found
    throw new NotFoundError('E312', `${this.type} has no accumulator ${name} for "${owner}"`, {
      where: { variable: owner },
      expected: [...this.#accumulators.keys()],
      got: name,
    })
  }

  /** The learning rate of a parameter: the global one, times the parameter's own factor if that is not 1. */
  _create_param_lr([param]: readonly [OptimizedParameter, OptimizerValue]): OptimizerValue {
    if (param instanceof ParameterTensor) {
      const global = this.#globalEagerRate(param)
      return param.learningRate === 1 ? global : global.mul(param.learningRate)
    }
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

  /** The float32 copy that a half parameter is trained in; in a program it is set by the startup program from the parameter. */
  _create_master_weight(param: OptimizedParameter): OptimizerValue {
    const existing = this.#masters.get(param.name)
    if (existing !== undefined && sameHome(existing, param)) return existing
    let master: OptimizerValue
    if (param instanceof ParameterTensor) {
      master = param.engine!.call('cast', { X: param }, { in_dtype: param.dtype, out_dtype: 'float32' })
    } else {
      const { main, startup } = this.#programs!
      const name = main.names.generate(`${param.name}_fp32_master`)
      master = this.#persistable({ name, dtype: 'float32', shape: param.shape, stopGradient: true }, 0)
      startup.globalBlock().appendOp({
        type: 'cast',
        inputs: { X: param.name },
        outputs: { Out: name },
        attrs: { in_dtype: param.dtype, out_dtype: 'float32' },
      })
    }
    this.#masters.set(param.name, master)
    return master
  }

  /** Hands the optimizer a value under a name: automatic mixed precision gives `found_inf`, which makes Adam skip the update. */
  _set_auxiliary_var(key: string, value: OptimizerValue): void {
    this.#auxiliary.set(key, value)
  }

  _get_auxiliary_var(key: string): OptimizerValue | undefined {
    return this.#auxiliary.get(key)
  }

  /** Adam and AdamW read `found_inf` on the CPU, so mixed precision copies it there first. */
  get _reads_found_inf_on_cpu(): boolean {
    return false
  }

  /** Mixed precision: the variable of a rate given as a number is made before the program is rewritten, float32 with shape [1]. */
  _create_float32_learning_rate(programs: ProgramPair): void {
    if (typeof this.learningRate !== 'number') return
    this.#programs = programs
    const name = programs.main.names.generate('learning_rate')
    const desc = { name, dtype: 'float32', shape: [1], stopGradient: true } as const
    this.#learningRates.set(programs.main, this.#persistable(desc, this.learningRate))
  }

  /** True for parameters that are updated through a master weight. */
  _uses_master_weight(param: OptimizerValue): boolean {
    return this.multiPrecision && isHalf(param.dtype)
  }

  #globalEagerRate(param: ParameterTensor): Tensor {
    const rate = this.#rateNow
    if (rate === undefined) {
      throw new InvalidArgumentError('E310', 'a variable of a program cannot be the learning rate of step()', {
        expected: 'a number or a schedule',
        got: (this.learningRate as Variable).name,
      })
    }
    const dtype = isHalf(param.dtype) ? 'float32' : param.dtype
    this.#eagerRate ??= constantTensor(dtype, [], rate, param.engine)
    return this.#eagerRate
  }

  /** undefined for a variable, whose value only a run knows. */
  get #rateNow(): number | undefined {
    const { learningRate: rate } = this
    if (rate instanceof LRScheduler) return rate.lastLr
    return typeof rate === 'number' ? rate : undefined
  }

  /** The rate's variable; that of a schedule is set to the present rate by each minimize anew, as in Paddle. */
  #prepareLearningRate(): void {
    const { main, startup } = this.#programs!
    const existing = this.#learningRates.get(main)
    const variable = this.#globalLearningRate()
    if (existing === undefined || !(this.learningRate instanceof LRScheduler)) return
    const block = startup.globalBlock()
    const { name, dtype, shape } = variable
    const target =
      block.vars.get(name) ?? block.createVar({ name, dtype, shape, stopGradient: true, persistable: true })
    initializer.Constant(this.learningRate.lastLr).append(block, target)
  }

  #globalLearningRate(): Variable {
    const rate = this.#rateNow
    if (rate === undefined) return this.learningRate as Variable
    const { main } = this.#programs!
    const existing = this.#learningRates.get(main)
    if (existing !== undefined) return existing
    const name = main.names.generate('learning_rate')
    const dtype = isHalf(this.#lossDType) ? 'float32' : this.#lossDType
    const variable = this.#persistable({ name, dtype, shape: [], stopGradient: true }, rate)
    if (this.learningRate instanceof LRScheduler) linkScheduler(main, name, this.learningRate)
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
    const kept = { ...desc, persistable: true }
    const variable = main.globalBlock().createVar(kept)
    const block = startup.globalBlock()
    const target = block.createVar(kept)
    initializer.Constant(value).append(block, target)
    if (device !== undefined) block.setAttr(block.ops[block.ops.length - 1]!, 'op_device', device)
    return variable
  }
}

const byParameterName = (a: ParamGradPair, b: ParamGradPair): number =>
  a.param.name < b.param.name ? -1 : a.param.name > b.param.name ? 1 : 0

/** Operators of clipping name the gradient that the update will read. */
function correctRoleVars(block: Block, start: number, before: readonly ParamGrad[], after: readonly ParamGrad[]): void {
  const clipped = new Set(before.filter(({ param }) => param.needClip).map(({ param }) => param.name))
  const grads = new Map(after.map(({ param, grad }) => [param.name, grad.name]))
  for (let i = start; i < block.ops.length; i++) {
    const op = block.ops[i]!
    const param = op.roleVars[0]
    if (param !== undefined && clipped.has(param)) block.setAttr(op, OP_ROLE_VAR, [param, grads.get(param)!])
  }
}

/** The startup program to append to. @throws PreconditionNotMetError E304. */
export function startupOf(main: Program, given: Program | undefined): Program {
  const startup = given ?? main.startup
  if (startup === undefined) {
    throw new PreconditionNotMetError('E304', 'no startup program is known for the program of the loss', {
      hint: 'pass it: minimize(loss, { startup })',
    })
  }
  main.startup ??= startup
  startup.isStartup = true
  return startup
}

/** Tensors without a name are the masters and accumulators that `constantTensor` and casts made. */
const nameOf = (value: OptimizerValue): string => {
  if (!(value instanceof Tensor)) return value.name
  return value instanceof ParameterTensor ? value.name : tensorName(value)
}

const anonymous = new WeakMap<Tensor, string>()
let lastAnonymous = 0
function tensorName(value: Tensor): string {
  let name = anonymous.get(value)
  if (name === undefined) anonymous.set(value, (name = `value_${lastAnonymous++}`))
  return name
}

/** Both of the same program, or both of dygraph. */
const sameHome = (a: OptimizerValue, b: OptimizerValue): boolean =>
  a instanceof Tensor ? b instanceof Tensor : !(b instanceof Tensor) && a.block.program === b.block.program
