/**
 * What layers make in either mode: a name for the layer and parameters. Inside `build` they belong to the programs being built, outside they
 * are tensors with values, initialized by running the same operators at once.
 */
import { InvalidArgumentError } from '../errors.ts'
import { interpretBlock } from '../executor/interpreter.ts'
import { Scope } from '../executor/scope.ts'
import { initializer } from '../framework/initializer.ts'
import { type CreateParameterOptions, LayerHelper } from '../framework/layer_helper.ts'
import { Program } from '../framework/program.ts'
import { currentPrograms } from '../framework/program_guard.ts'
import { UniqueNames } from '../framework/unique_name.ts'
import type { Parameter } from '../framework/variable.ts'
import { ops } from '../ops/index.ts'
import { ParameterTensor } from '../tensor/parameter_tensor.ts'
import { defaultGenerator } from '../tensor/random.ts'
import { formatShape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { dygraph } from './dygraph.ts'

/** Names of dygraph layers and parameters, counted for the whole process as Paddle does. */
const eagerNames = new UniqueNames()

/** The layer that names what `callOp` makes inside `build`; outside there is nothing to name. */
export function layerFor(layerType: string, name?: string): LayerHelper | undefined {
  return currentPrograms() === undefined ? undefined : new LayerHelper(layerType, { name })
}

/** Makes the parameters of one layer. */
export class ParameterMaker {
  readonly #helper: LayerHelper | undefined
  readonly #eagerName: string

  constructor(layerType: string) {
    this.#helper = layerFor(layerType)
    this.#eagerName = this.#helper === undefined ? eagerNames.generate(layerType) : ''
  }

  create(options: CreateParameterOptions): Parameter | ParameterTensor {
    return this.#helper === undefined ? eagerParameter(this.#eagerName, options) : this.#helper.createParameter(options)
  }
}

function eagerParameter(layer: string, options: CreateParameterOptions): ParameterTensor {
  const { attr = {}, shape, dtype = 'float32', isBias = false } = options
  const name = attr.name ?? eagerNames.generate(`${layer}.${isBias ? 'b' : 'w'}`)
  if (shape.some((dim) => !Number.isInteger(dim) || dim < 0)) {
    throw new InvalidArgumentError('E219', `parameter "${name}" needs a known shape, got ${formatShape(shape)}`, {
      got: shape,
    })
  }
  const init =
    attr.initializer ?? options.defaultInitializer ?? (isBias ? initializer.Constant(0) : initializer.XavierUniform())
  const program = new Program(ops, { callSites: false })
  const block = program.globalBlock()
  init.append(block, block.createVar({ name, dtype, shape, persistable: true }))
  const scope = new Scope()
  interpretBlock(block, scope, { generator: defaultGenerator })
  const value = scope.get(name) as Tensor
  scope.drop()
  return new ParameterTensor(name, dtype, shape, value.data, dygraph, attr)
}
