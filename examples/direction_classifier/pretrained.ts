/**
 * Weights of an inference model as a start for training. Names differ (`conv2d_53.w_0` there is `conv1_weights` here), but both programs read
 * their parameters in the same order.
 */
import { Executor, InvalidArgumentError, loadInferenceModel, type Program, type Tensor } from '../../src/index.ts'

/** Slots that parameters are read from. The last layer is `mul` in older programs and `matmul_v2` in newer ones. */
const PARAMETER_SLOTS: Readonly<Record<string, readonly string[]>> = {
  conv2d: ['Filter'],
  depthwise_conv2d: ['Filter'],
  batch_norm: ['Scale', 'Bias', 'Mean', 'Variance'],
  elementwise_add: ['Y'],
  mul: ['Y'],
  matmul_v2: ['Y'],
}

/** Persistable variables in the order in which operators read them. */
function parametersInOrder(program: Program): string[] {
  const block = program.globalBlock()
  return block.ops
    .flatMap((op) => (PARAMETER_SLOTS[op.type] ?? []).map((slot) => op.inputs[slot]![0]!))
    .filter((name) => block.var(name).persistable)
}

/**
 * Sets the parameters of `program`, and the moving averages of its batch normalisations, to those of an inference model.
 * @param prefix of the model's files. @param executor its startup program has been run.
 * @throws InvalidArgumentError E533 if the model is of another network; nothing is set then. What loading a model throws.
 */
export function loadPretrained(prefix: string, program: Program, executor: Executor): void {
  const reader = new Executor()
  try {
    const model = loadInferenceModel(prefix, reader)
    const theirs = parametersInOrder(model.program).map((name) => reader.scope.get(name) as Tensor)
    const own = parametersInOrder(program)
    const misfit = own.findIndex((name, i) => `${theirs[i]?.shape}` !== `${program.globalBlock().var(name).shape}`)
    if (theirs.length !== own.length || misfit >= 0) {
      throw new InvalidArgumentError('E533', `"${prefix}" is not a model of this network`, {
        expected: `${own.length} parameters${misfit < 0 ? '' : `, "${own[misfit]}" of shape [${program.globalBlock().var(own[misfit]!).shape}]`}`,
        got: `${theirs.length} parameters${misfit < 0 ? '' : `, [${theirs[misfit]?.shape}] in its place`}`,
      })
    }
    own.forEach((name, i) => {
      executor.scope.set(name, theirs[i]!)
    })
  } finally {
    reader.dispose()
  }
}
