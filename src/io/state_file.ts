/**
 * The state of a layer or an optimizer as paddle.save writes it (.pdparams, .pdopt): a pickle of arrays by name, with a table of parameter
 * names and whatever else the optimizer keeps (the schedule of the learning rate, master weights).
 * Source: python/paddle/framework/io.py and io_utils.py (2.6.2).
 */
import { EnforceError, InvalidArgumentError } from '../errors.ts'
import { byteSize, makeView } from '../tensor/dtype.ts'
import { formatShape, product } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { dataBytes } from './bytes.ts'
import { type PickleDict, type PickleOptions, PickleTuple, type PickleValue, readPickle } from './pickle.ts'
import { type WritePickleOptions, writePickle } from './pickle_writer.ts'

const NAME_TABLE = 'StructuredToParameterName@@'
const SLICES = 'UnpackBigParamInfor@@'

export interface StateFile {
  /** Arrays by name, in the order of the file. A Tensor inside a list or dict of `others` is the tuple of its name and its array. */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Name in the layer (`fc.weight`) to name of the parameter (`linear_0.w_0`), where the file has it. */
  readonly parameterNames?: ReadonlyMap<string, string>
  /** Everything else, such as `LR_Scheduler` and `master_weights`. */
  readonly others?: ReadonlyMap<string, PickleValue>
}

const notState = (what: string, expected: string): InvalidArgumentError =>
  new InvalidArgumentError('E531', `this pickle is no saved state: ${what}`, { expected })

/**
 * The state in a .pdparams or .pdopt file.
 * @throws what {@link readPickle} throws; InvalidArgumentError E531 if the pickle is no dict with texts as keys, or its parts do not fit.
 */
export function readStateFile(bytes: Uint8Array, options: PickleOptions = {}): StateFile {
  const root = readPickle(bytes, options)
  try {
    return stateOf(root)
  } catch (error) {
    if (error instanceof EnforceError && options.file !== undefined) throw error.at({ file: options.file })
    throw error
  }
}

function stateOf(root: PickleValue): StateFile {
  if (!(root instanceof Map)) throw notState('it is no dict', 'a dict of arrays by name')
  const tensors = new Map<string, Tensor>()
  const others = new Map<string, PickleValue>()
  let parameterNames: Map<string, string> | undefined
  let slices: PickleDict | undefined
  for (const [key, value] of root) {
    if (typeof key !== 'string') throw notState(`it has the key ${String(key)}`, 'names')
    if (key === NAME_TABLE) parameterNames = textsOf(value)
    else if (key === SLICES) slices = dictOf(value, SLICES)
    else if (value instanceof Tensor) tensors.set(key, value)
    else others.set(key, value)
  }
  if (slices !== undefined) joinSlices(tensors, slices)
  return { tensors, others, ...(parameterNames === undefined ? {} : { parameterNames }) }
}

function dictOf(value: PickleValue | undefined, what: string): PickleDict {
  if (value instanceof Map) return value
  throw notState(`${what} is no dict`, 'a dict')
}

function textsOf(value: PickleValue): Map<string, string> {
  const texts = new Map<string, string>()
  for (const [key, text] of dictOf(value, NAME_TABLE)) {
    if (typeof key !== 'string' || typeof text !== 'string') throw notState(`${NAME_TABLE} holds no names`, 'texts')
    texts.set(key, text)
  }
  return texts
}

/** Puts arrays together that were cut up because protocols 2 and 3 have no long ones: each stands where its first part stood. */
function joinSlices(tensors: Map<string, Tensor>, slices: PickleDict): void {
  for (const [key, value] of slices) {
    const info = dictOf(value, `${SLICES} of "${String(key)}"`)
    const shape = numbersOf(info.get('OriginShape'))
    const names = info.get('slices')
    if (!Array.isArray(names) || names.length === 0 || shape === undefined) {
      throw notState(`${SLICES} of "${String(key)}" is incomplete`, 'OriginShape and slices')
    }
    const parts = names.map((name) => {
      const part = typeof name === 'string' ? tensors.get(name) : undefined
      if (part === undefined) throw notState(`part "${String(name)}" of "${String(key)}" is missing`, 'an array')
      return part
    })
    const { dtype } = parts[0]!
    const count = parts.reduce((total, part) => total + part.size, 0)
    if (parts.some((part) => part.dtype !== dtype) || product(shape) !== count || shape.some((dim) => dim < 0)) {
      throw notState(`the parts of "${String(key)}" do not make ${formatShape(shape)}`, `${count} elements of one type`)
    }
    const all = new Uint8Array(count * byteSize(dtype))
    let at = 0
    for (const part of parts) {
      all.set(dataBytes(part), at)
      at += part.byteLength
    }
    for (const name of names) tensors.delete(name as string)
    tensors.set(String(key), new Tensor(dtype, shape, makeView(dtype, all.buffer, 0, count)))
  }
}

function numbersOf(value: PickleValue | undefined): number[] | undefined {
  const items = value instanceof PickleTuple ? value.items : Array.isArray(value) ? value : undefined
  return items?.every((item) => Number.isSafeInteger(item)) ? (items as number[]) : undefined
}

export interface WriteStateOptions extends WritePickleOptions {
  /** Protocols 2 and 3 cut up arrays of more bytes than this. Default 2^30 - 1, as in Paddle. */
  readonly sliceBytes?: number
}

/** The bytes of a .pdparams or .pdopt file. */
export function writeStateFile(state: StateFile, options: WriteStateOptions = {}): Uint8Array {
  const protocol = options.protocol ?? 4
  const sliceBytes = options.sliceBytes ?? 2 ** 30 - 1
  const root: PickleDict = new Map()
  const slices: PickleDict = new Map()
  for (const [name, tensor] of state.tensors) {
    const most = Math.floor(sliceBytes / byteSize(tensor.dtype))
    if (protocol === 4 || tensor.size <= most) root.set(name, tensor)
    else slices.set(name, cutUp(name, tensor, most, root))
  }
  for (const [name, value] of state.others ?? []) root.set(name, value)
  if (state.parameterNames !== undefined) root.set(NAME_TABLE, new Map(state.parameterNames))
  if (slices.size > 0) root.set(SLICES, slices)
  return writePickle(root, { protocol })
}

function cutUp(name: string, tensor: Tensor, most: number, root: PickleDict): PickleDict {
  const bytes = dataBytes(tensor)
  const size = byteSize(tensor.dtype)
  const names: string[] = []
  for (let start = 0; start < tensor.size; start += most) {
    const count = Math.min(most, tensor.size - start)
    const part = bytes.slice(start * size, (start + count) * size)
    names.push(`${name}@@.${names.length}`)
    root.set(names.at(-1)!, new Tensor(tensor.dtype, [count], makeView(tensor.dtype, part.buffer, 0, count)))
  }
  return new Map<string, PickleValue>([
    ['OriginShape', new PickleTuple([...tensor.shape])],
    ['slices', names],
  ])
}
