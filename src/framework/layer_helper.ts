/**
 * What layers share when they build programs: a name for the layer, names for its temporaries and parameters, and parameters in both the
 * main and the startup program. Source: python/paddle/base/layer_helper.py and layer_helper_base.py (2.6.2).
 */
import { InvalidArgumentError } from '../errors.ts'
import type { DType } from '../tensor/dtype.ts'
import { formatShape, type Shape, sameShape } from '../tensor/shape.ts'
import type { AppendOpDesc, Block } from './block.ts'
import { type Initializer, initializer } from './initializer.ts'
import type { Operator } from './operator.ts'
import { type ProgramPair, requirePrograms } from './program_guard.ts'
import { Parameter, type Regularizer, type Variable } from './variable.ts'

/** How a layer's parameter is made; Paddle's ParamAttr. */
export interface ParamAttr {
  /** Default: made from the layer's name, `fc_0.w_0`. A name used twice shares the parameter. */
  readonly name?: string
  /** Default: Xavier uniform for weights, zero for biases. */
  readonly initializer?: Initializer
  /** Factor on the optimizer's learning rate. Default 1. */
  readonly learningRate?: number
  readonly regularizer?: Regularizer
  /** Default true. */
  readonly trainable?: boolean
  /** Default true. */
  readonly needClip?: boolean
}

export interface CreateParameterOptions {
  readonly attr?: ParamAttr | undefined
  readonly shape: Shape
  /** Default float32. */
  readonly dtype?: DType
  readonly isBias?: boolean
  readonly defaultInitializer?: Initializer
}

export class LayerHelper {
  readonly name: string
  readonly programs: ProgramPair

  /**
   * @param layerType gives the name `<layerType>_<n>`. @param name used instead of it.
   * @throws PreconditionNotMetError E040 outside of `build`, unless `programs` are given.
   */
  constructor(
    layerType: string,
    options: { readonly name?: string | undefined; readonly programs?: ProgramPair } = {},
  ) {
    this.programs = options.programs ?? requirePrograms(layerType)
    this.name = options.name ?? this.programs.main.names.generate(layerType)
  }

  get block(): Block {
    return this.programs.main.currentBlock()
  }

  appendOp(desc: AppendOpDesc): Operator {
    return this.block.appendOp(desc)
  }

  /** A new temporary `<layer>.tmp_<n>`; the operator that writes it gives it its shape. */
  createVariable(dtype: DType = 'float32', options: { readonly stopGradient?: boolean } = {}): Variable {
    const name = this.programs.main.names.generate(`${this.name}.tmp`)
    return this.block.createVar({ name, dtype, stopGradient: options.stopGradient ?? false })
  }

  /**
   * A parameter in the main program, and in the startup program with the operators that initialize it. One that exists under the same name
   * is shared.
   * @throws InvalidArgumentError E219 for an existing parameter of another shape or element type, or a shape with unknown dimensions.
   */
  createParameter(options: CreateParameterOptions): Parameter {
    const { attr = {}, shape, dtype = 'float32', isBias = false } = options
    const { main, startup } = this.programs
    const name = attr.name ?? main.names.generate(`${this.name}.${isBias ? 'b' : 'w'}`)
    if (shape.some((dim) => !Number.isInteger(dim) || dim < 0)) {
      throw new InvalidArgumentError('E219', `parameter "${name}" needs a known shape, got ${formatShape(shape)}`, {
        where: { variable: name },
        got: shape,
      })
    }
    const existing = main.globalBlock().vars.get(name)
    if (existing !== undefined) {
      if (!(existing instanceof Parameter) || !sameShape(existing.shape, shape) || existing.dtype !== dtype) {
        throw new InvalidArgumentError(
          'E219',
          `parameter "${name}" exists as ${existing.toString()} and cannot be shared as ${dtype}${formatShape(shape)}`,
          { where: { variable: name }, expected: existing.shape, got: shape },
        )
      }
      return existing
    }
    const init =
      attr.initializer ?? options.defaultInitializer ?? (isBias ? initializer.Constant(0) : initializer.XavierUniform())
    const startupBlock = startup.globalBlock()
    if (!startupBlock.hasVar(name)) {
      const target = startupBlock.createParameter({ name, dtype, shape }, attr)
      try {
        init.append(startupBlock, target)
      } catch (error) {
        // Else the next parameter of that name would take it for initialized.
        startupBlock.removeVar(name)
        throw error
      }
      // An operator without inputs marks its outputs as stopping gradients; a parameter that is trained does not.
      target.stopGradient = !target.trainable
    }
    return main.globalBlock().createParameter({ name, dtype, shape }, attr)
  }

  /** A persistable variable that is no parameter, set by the startup program: a learning rate, a counter. */
  createGlobalVariable(desc: {
    readonly name: string
    readonly shape: Shape
    readonly dtype: DType
    readonly value: number
  }): Variable {
    const { main, startup } = this.programs
    const { name, shape, dtype, value } = desc
    const variable = main.globalBlock().createVar({ name, dtype, shape, persistable: true, stopGradient: true })
    const block = startup.globalBlock()
    block.createVar({ name, dtype, shape, persistable: true })
    initializer.Constant(value).append(block, block.var(name))
    return variable
  }
}
