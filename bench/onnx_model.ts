/**
 * ONNX files of the works that ONNX Runtime can do: one product of matrices, and the published direction classifier, whose program is
 * translated operator by operator. Only what these two need is here.
 * Source: onnx/onnx.proto and docs/Operators.md of ONNX, operator set 14.
 */
import { fileURLToPath } from 'node:url'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { Executor, loadInferenceModel, type Operator, type Tensor } from '../src/index.ts'
import { IMAGE, PUBLISHED_MODEL } from './inputs.ts'

const IR_VERSION = 8
const OPERATOR_SET = 14
const FLOAT = 1
const INT64 = 7

type Attribute = number | readonly number[] | { readonly float: number }
interface Node {
  readonly type: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, Attribute>>
}
interface Constant {
  readonly name: string
  readonly type: typeof FLOAT | typeof INT64
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}
interface Value {
  readonly name: string
  readonly shape: readonly number[]
}
interface Graph {
  readonly nodes: readonly Node[]
  readonly constants: readonly Constant[]
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
}

/** C = A B, both fed. */
export function gemmModel(n: number): Uint8Array {
  const matrix = (name: string): Value => ({ name, shape: [n, n] })
  const product = { type: 'MatMul', inputs: ['a', 'b'], outputs: ['c'] }
  return modelBytes({ nodes: [product], constants: [], inputs: [matrix('a'), matrix('b')], outputs: [matrix('c')] })
}

/** The published direction classifier for `rows` lines at a time: x in, probabilities out. */
export function directionModel(rows: number): Uint8Array {
  const executor = new Executor({ backend: 'ts' })
  const { program, feedNames, fetchVars } = loadInferenceModel(fileURLToPath(PUBLISHED_MODEL), executor)
  const block = program.globalBlock()
  const shapeOf = (name: string): readonly number[] => block.var(name).shape
  const constants: Constant[] = []
  const nodes = block.ops.flatMap((op) => translate(op, shapeOf, (constant) => constants.push(constant)))
  const used = new Set(nodes.flatMap(({ inputs }) => inputs))
  for (const { name, persistable } of block.vars.values()) {
    if (!persistable || !used.has(name)) continue
    const { shape, data } = executor.scope.get(name) as Tensor
    constants.push({ name, type: FLOAT, shape, bytes: bytesOf(data as Float32Array) })
  }
  executor.dispose()
  return modelBytes({
    nodes,
    constants,
    inputs: [{ name: feedNames[0]!, shape: [rows, ...IMAGE] }],
    outputs: [{ name: fetchVars[0]!.name, shape: [rows, 2] }],
  })
}

const bytesOf = (data: Float32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

/** Operators that compute the shape of the only reshape, which is known: it gets a constant one. */
const SHAPE_OPERATORS = new Set(['feed', 'fetch', 'shape', 'slice', 'fill_constant'])

function translate(
  op: Operator,
  shapeOf: (name: string) => readonly number[],
  addConstant: (constant: Constant) => void,
): Node[] {
  if (SHAPE_OPERATORS.has(op.type)) return []
  const input = (slot: string): string => op.inputs[slot]![0]!
  const attribute = (name: string): unknown => op.attrs[name]
  const ints = (name: string): number[] => (attribute(name) as readonly number[]).map(Number)
  const node = (type: string, inputs: string[], slot: string, attributes: Node['attributes'] = {}): Node[] => [
    { type, inputs, outputs: [op.outputs[slot]![0]!], attributes },
  ]
  const sizes = (name: string, shape: readonly number[]): string => {
    addConstant({ name, type: INT64, shape: [shape.length], bytes: bytesOf(BigInt64Array.from(shape, BigInt)) })
    return name
  }
  switch (op.type) {
    case 'conv2d':
    case 'depthwise_conv2d': {
      const [y, x] = ints('paddings') as [number, number]
      return node('Conv', [input('Input'), input('Filter')], 'Output', {
        strides: ints('strides'),
        pads: [y, x, y, x],
        dilations: ints('dilations'),
        group: Number(attribute('groups')),
      })
    }
    case 'batch_norm':
      return node(
        'BatchNormalization',
        ['X', 'Scale', 'Bias', 'Mean', 'Variance'].map((slot) => input(slot)),
        'Y',
        { epsilon: { float: Number(attribute('epsilon')) } },
      )
    case 'relu':
      return node('Relu', [input('X')], 'Out')
    case 'hard_swish':
      return node('HardSwish', [input('X')], 'Out')
    case 'hard_sigmoid':
      return node('HardSigmoid', [input('X')], 'Out', {
        alpha: { float: Number(attribute('slope')) },
        beta: { float: Number(attribute('offset')) },
      })
    case 'pool2d': {
      if (attribute('adaptive') === true) return node('GlobalAveragePool', [input('X')], 'Out')
      return node('MaxPool', [input('X')], 'Out', { kernel_shape: ints('ksize'), strides: ints('strides') })
    }
    case 'elementwise_add':
    case 'elementwise_mul': {
      const [x, y] = [input('X'), input('Y')]
      const rank = shapeOf(x).length
      // Paddle lines the axes of Y up from `axis` on, ONNX from the end.
      const axis = Number(attribute('axis'))
      const missing = axis < 0 ? 0 : rank - axis - shapeOf(y).length
      const type = op.type === 'elementwise_add' ? 'Add' : 'Mul'
      if (missing === 0) return node(type, [x, y], 'Out')
      const lined = `${op.outputs.Out![0]}.y`
      const shape = sizes(`${lined}.shape`, [...shapeOf(y), ...new Array<number>(missing).fill(1)])
      return [{ type: 'Reshape', inputs: [y, shape], outputs: [lined] }, ...node(type, [x, lined], 'Out')]
    }
    case 'reshape2':
      return node('Reshape', [input('X'), sizes('classes.shape', ints('shape'))], 'Out')
    case 'matmul_v2':
      return node('MatMul', [input('X'), input('Y')], 'Out')
    case 'softmax':
      return node('Softmax', [input('X')], 'Out', { axis: Number(attribute('axis')) })
    default:
      throw new Error(`${op.type} has no translation to ONNX here`)
  }
}

function modelBytes(graph: Graph): Uint8Array {
  const w = new BinaryWriter()
  w.uint32(tag(1, VARINT)).int64(IR_VERSION)
  part(w, 7, () => writeGraph(w, graph))
  part(w, 8, () => w.uint32(tag(2, VARINT)).int64(OPERATOR_SET))
  return w.finish()
}

const VARINT = 0
const LENGTH = 2
const FIXED32 = 5
const tag = (field: number, wire: number): number => (field << 3) | wire

function part(w: BinaryWriter, field: number, body: () => void): void {
  w.uint32(tag(field, LENGTH)).fork()
  body()
  w.join()
}
const text = (w: BinaryWriter, field: number, value: string): BinaryWriter => w.uint32(tag(field, LENGTH)).string(value)
const whole = (w: BinaryWriter, field: number, value: number): BinaryWriter => w.uint32(tag(field, VARINT)).int64(value)

function writeGraph(w: BinaryWriter, { nodes, constants, inputs, outputs }: Graph): void {
  for (const node of nodes) part(w, 1, () => writeNode(w, node))
  text(w, 2, 'graph')
  for (const { name, type, shape, bytes } of constants) {
    part(w, 5, () => {
      for (const size of shape) whole(w, 1, size)
      whole(w, 2, type)
      text(w, 8, name)
      w.uint32(tag(9, LENGTH)).bytes(bytes)
    })
  }
  for (const value of inputs) part(w, 11, () => writeValue(w, value))
  for (const value of outputs) part(w, 12, () => writeValue(w, value))
}

function writeNode(w: BinaryWriter, { type, inputs, outputs, attributes = {} }: Node): void {
  for (const name of inputs) text(w, 1, name)
  for (const name of outputs) text(w, 2, name)
  text(w, 4, type)
  for (const [name, value] of Object.entries(attributes)) {
    part(w, 5, () => {
      text(w, 1, name)
      if (typeof value === 'number') {
        whole(w, 3, value)
        whole(w, 20, 2)
      } else if ('float' in value) {
        w.uint32(tag(2, FIXED32)).float(value.float)
        whole(w, 20, 1)
      } else {
        for (const item of value) whole(w, 8, item)
        whole(w, 20, 7)
      }
    })
  }
}

function writeValue(w: BinaryWriter, { name, shape }: Value): void {
  text(w, 1, name)
  part(w, 2, () =>
    part(w, 1, () => {
      whole(w, 1, FLOAT)
      part(w, 2, () => {
        for (const size of shape) part(w, 1, () => whole(w, 1, size))
      })
    }),
  )
}
