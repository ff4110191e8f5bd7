/**
 * The tape of dygraph: what was computed from what, so that `backward` can walk it. Each call is written down as an operator over names, the
 * same form that programs have; the gradients then come from the same definitions and the same arrangement as in a static program.
 */
import { InvalidArgumentError, PreconditionNotMetError } from '../errors.ts'
import { arrangeGradOps } from '../framework/autodiff/backward.ts'
import { fillDefaults, makeGradOps } from '../framework/autodiff/grad_maker.ts'
import { type GradOp, inputNames, outputNames } from '../framework/autodiff/grad_op.ts'
import { gradName, isGradName } from '../framework/autodiff/names.ts'
import { unusedOutputs } from '../framework/autodiff/op_path.ts'
import { EMPTY_VAR, findOp, type OpLibrary } from '../framework/op_def.ts'
import { Operator } from '../framework/operator.ts'
import { allocate } from '../tensor/dtype.ts'
import { formatShape, sameShape } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { TensorEngine } from '../tensor/tensor_like.ts'
import { runOperatorOnTensors } from './run_operator.ts'

/** One call. */
interface TapeNode {
  /** Grows with every call: a node depends only on nodes of smaller number. */
  readonly id: number
  readonly op: Operator
  readonly library: OpLibrary
  /** Inputs and outputs by name, with the version that they had. */
  readonly values: ReadonlyMap<string, { readonly tensor: Tensor; readonly version: number }>
  used: boolean
}

let lastId = 0
let enabled = true

/** True while calls are written down. */
export const isRecording = (): boolean => enabled

/** Runs `body` without writing anything down: its results have no history. */
export function noGrad<T>(body: () => T): T {
  const before = enabled
  enabled = false
  try {
    return body()
  } finally {
    enabled = before
  }
}

/** The name of a tensor on the tape. */
export function tapeName(value: Tensor): string {
  value.tape ??= { name: `t${++lastId}`, producer: undefined }
  return value.tape.name
}

const producerOf = (value: Tensor): TapeNode | undefined => value.tape?.producer as TapeNode | undefined

/** Writes a call down; its outputs remember it. */
export function record(library: OpLibrary, op: Operator, inputs: readonly Tensor[], outputs: readonly Tensor[]): void {
  const values = new Map<string, { tensor: Tensor; version: number }>()
  for (const value of [...inputs, ...outputs]) values.set(tapeName(value), { tensor: value, version: value.version })
  const node: TapeNode = { id: ++lastId, op, library, values, used: false }
  for (const output of outputs) output.tape!.producer = node
}

/** See Tensor.backward. */
export function backward(from: Tensor, gradient: Tensor | undefined, retainGraph: boolean): void {
  const last = producerOf(from)
  if (last === undefined) {
    throw new InvalidArgumentError(
      'E301',
      'backward: this tensor was not computed from anything that wants a gradient',
      {
        hint: 'a parameter, or a tensor with stopGradient = false, must be among what it was computed from',
      },
    )
  }
  if (gradient === undefined && from.size !== 1) {
    throw new InvalidArgumentError(
      'E301',
      `backward needs a tensor of one element, this one has shape ${formatShape(from.shape)}`,
      {
        expected: [],
        got: from.shape,
        hint: 'reduce it first, for example with mean(), or give the gradient of each element',
      },
    )
  }
  if (gradient !== undefined && (gradient.dtype !== from.dtype || !sameShape(gradient.shape, from.shape))) {
    throw new InvalidArgumentError('E303', `backward: the gradient must be ${from.dtype} ${formatShape(from.shape)}`, {
      expected: from.shape,
      got: gradient.shape,
    })
  }
  const path = reachable(last)
  const tensors = new Map<string, Tensor>()
  for (const node of path) {
    if (node.used) {
      throw new PreconditionNotMetError(
        'E046',
        `backward: the history of ${node.op.type} was used up by an earlier backward`,
        {
          where: { opType: node.op.type },
          hint: 'compute the value again, or call the first backward with retainGraph',
        },
      )
    }
    for (const [name, { tensor }] of node.values) tensors.set(name, tensor)
  }
  const gradOps = gradientOps(path, tapeName(from), tensors)
  checkVersions(path, gradOps)
  const values = new Map(tensors)
  values.set(gradName(tapeName(from)), gradient ?? ones(from))
  noGrad(() => {
    for (const op of gradOps) runGradOp(last.library, op, values, from.engine)
  })
  for (const [name, value] of tensors) {
    if (value.stopGradient || producerOf(value) !== undefined) continue
    const computed = values.get(gradName(name))
    if (computed === undefined) continue
    value.grad = value.grad === null ? computed : value.grad.add(computed)
  }
  if (!retainGraph) for (const node of path) node.used = true
}

/** All calls that `last` depends on, in the order in which they were made. */
function reachable(last: TapeNode): TapeNode[] {
  const found = new Set([last])
  const open = [last]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const name of node.op.inputNames()) {
      const input = node.values.get(name)?.tensor
      const producer = input === undefined ? undefined : producerOf(input)
      if (producer === undefined || producer.id > node.id || found.has(producer)) continue
      found.add(producer)
      open.push(producer)
    }
  }
  return [...found].sort((a, b) => a.id - b.id)
}

function gradientOps(path: readonly TapeNode[], target: string, tensors: ReadonlyMap<string, Tensor>): GradOp[] {
  const stops = (name: string): boolean => tensors.get(name)?.stopGradient === true
  const operators = path.map((node) => node.op)
  const plain = new Set([...tensors.keys()].filter(stops))
  for (const name of unusedOutputs(operators, stops, [target], plain)) plain.add(name)
  const noGradNames = new Set([...plain].map(gradName))
  const made: GradOp[] = []
  for (let i = path.length - 1; i >= 0; i--) {
    const { library, op } = path[i]!
    made.push(...makeGradOps(library, op, noGradNames, () => 0).ops)
  }
  return arrangeGradOps(made, operators, 0, noGradNames, new Set([gradName(target)]), undefined)
}

/** Every forward value that a gradient operator reads must be the one of the forward call. */
function checkVersions(path: readonly TapeNode[], gradOps: readonly GradOp[]): void {
  const read = new Set(gradOps.flatMap(inputNames))
  for (const node of path) {
    for (const [name, { tensor, version }] of node.values) {
      if (!read.has(name) || tensor.version === version) continue
      throw new PreconditionNotMetError(
        'E045',
        `backward: a value that ${node.op.type} needs for its gradient was changed in place since`,
        {
          where: { opType: node.op.type },
          expected: version,
          got: tensor.version,
          hint: 'call backward before changing it',
        },
      )
    }
  }
}

function runGradOp(
  library: OpLibrary,
  gradOp: GradOp,
  values: Map<string, Tensor>,
  engine: TensorEngine | undefined,
): void {
  const present = inputNames(gradOp).filter(isGradName)
  if (present.length > 0 && !present.some((name) => values.has(name))) return
  const outputs = outputNames(gradOp).filter((name) => name !== EMPTY_VAR)
  if (outputs.length === 0) return
  if (gradOp.type === 'sum') gradOp.inputs['X'] = gradOp.inputs['X']!.filter((name) => values.has(name))
  fillDefaults(library, gradOp)
  const def = findOp(library, gradOp.type) ?? gradOp.def!
  const op = new Operator(gradOp)
  const results = runOperatorOnTensors(def, op, values, engine)
  for (const [name, value] of results) values.set(name, value)
}

function ones(like: Tensor): Tensor {
  const value = new Tensor(like.dtype, like.shape, allocate(like.dtype, like.size), undefined, like.engine)
  if (like.dtype === 'float16') value.data.fill(0x3c00 as never)
  else if (like.dtype === 'bfloat16') value.data.fill(0x3f80 as never)
  else value.data.fill(1 as never)
  return value
}
