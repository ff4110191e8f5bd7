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
import {
  type PickleDict,
  PickleForms,
  type PickleOptions,
  PickleOrderedDict,
  PickleReduced,
  PickleTuple,
  type PickleValue,
  readPickle,
} from './pickle.ts'
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
  /** How the file had it, so that writing gives the same bytes where the values are the same. */
  readonly layout?: StateLayout
}

/** The dict of a file as it was, and what its values do not tell. */
export interface StateLayout {
  readonly root: PickleDict
  readonly forms: PickleForms
}

const notState = (what: string, expected: string): InvalidArgumentError =>
  new InvalidArgumentError('E531', `this pickle is no saved state: ${what}`, { expected })

/**
 * The state in a .pdparams or .pdopt file.
 * @throws what {@link readPickle} throws; InvalidArgumentError E531 if the pickle is no dict with texts as keys, or its parts do not fit.
 */
export function readStateFile(bytes: Uint8Array, options: PickleOptions = {}): StateFile {
  const forms = new PickleForms()
  const root = readPickle(bytes, { ...options, forms })
  try {
    return stateOf(root, forms)
  } catch (error) {
    if (error instanceof EnforceError && options.file !== undefined) throw error.at({ file: options.file })
    throw error
  }
}

function stateOf(root: PickleValue, forms: PickleForms): StateFile {
  if (!(root instanceof Map)) throw notState('it is no dict', 'a dict of arrays by name')
  const tensors = new Map<string, Tensor>()
  const others = new Map<string, PickleValue>()
  let parameterNames: Map<string, string> | undefined
  let slices: PickleDict | undefined
  for (const [key, value] of root) {
    if (typeof key !== 'string') throw notState(`it has the key ${String(key)}`, 'names')
    if (key === NAME_TABLE) parameterNames = textsOf(value)
    else if (key === SLICES) slices = dictOf(value, SLICES)
    else {
      const tensor = tensorOf(value)
      if (tensor === undefined) others.set(key, value)
      else tensors.set(key, tensor)
    }
  }
  if (slices !== undefined) joinSlices(tensors, slices)
  return { tensors, others, ...(parameterNames === undefined ? {} : { parameterNames }), layout: { root, forms } }
}

/** The array of an item: itself, or that of a pair of a name and an array, as Paddle writes a Tensor where a dict holds one deeper down. */
export function tensorOf(value: PickleValue | undefined): Tensor | undefined {
  if (value instanceof Tensor) return value
  if (!(value instanceof PickleTuple) || value.items.length !== 2) return undefined
  const [name, array] = value.items
  return typeof name === 'string' && array instanceof Tensor ? array : undefined
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

/**
 * The bytes of a .pdparams or .pdopt file, as paddle.save writes them: arrays in their order, then what else there is, then the table of
 * names. Where a dict of `others` holds arrays by name, Paddle writes all of them as pairs of a name and an array, and no table.
 */
export function writeStateFile(state: StateFile, options: WriteStateOptions = {}): Uint8Array {
  const { layout } = state
  const protocol = options.protocol ?? layout?.forms.protocol ?? 4
  const sliceBytes = options.sliceBytes ?? 2 ** 30 - 1
  const root: PickleDict = new Map()
  const slices: PickleDict = new Map()
  const put = pairUp(state)
  for (const [name, tensor] of state.tensors) {
    const most = Math.floor(sliceBytes / byteSize(tensor.dtype))
    if (protocol === 4 || tensor.size <= most) root.set(name, put(name, tensor))
    else slices.set(name, cutUp(name, tensor, most, root))
  }
  for (const [name, value] of state.others ?? []) root.set(name, value)
  if (state.parameterNames !== undefined) root.set(NAME_TABLE, nameTable(state.parameterNames, layout))
  if (slices.size > 0) root.set(SLICES, slices)
  return writePickle(inLayout(root, layout), { protocol, forms: layout?.forms })
}

/** How an array goes into the file: as it was read, or as an object of its own, which it is in Paddle even where two names share a value. */
function pairUp({ layout, others, parameterNames }: StateFile): (name: string, tensor: Tensor) => PickleValue {
  const pairs = [...(others?.values() ?? [])].some((value) => value instanceof Map && [...value.values()].some(isPair))
  const written = new Set<Tensor>()
  return (name, tensor) => {
    const was = layout?.root.get(name)
    if (was !== undefined && tensorOf(was) === tensor) return was
    const own = written.has(tensor) ? new Tensor(tensor.dtype, tensor.shape, tensor.data) : tensor
    written.add(own)
    if (!pairs && !(was instanceof PickleTuple)) return own
    const named = was instanceof PickleTuple ? (was.items[0] as string) : (parameterNames?.get(name) ?? name)
    return new PickleReduced(new PickleTuple([named, own]))
  }
}

const isPair = (value: PickleValue): boolean => value instanceof PickleTuple && tensorOf(value) !== undefined

function nameTable(names: ReadonlyMap<string, string>, layout: StateLayout | undefined): PickleDict {
  const table: PickleDict = new Map(names)
  const was = layout?.root.get(NAME_TABLE)
  if (layout !== undefined && was instanceof Map) layout.forms.carry(was, table)
  return table
}

/** The root in the order that the file had, new keys at the end. */
function inLayout(root: PickleDict, layout: StateLayout | undefined): PickleDict {
  if (layout === undefined) return root
  const ordered: PickleDict = layout.root instanceof PickleOrderedDict ? new PickleOrderedDict() : new Map()
  for (const key of layout.root.keys()) if (root.has(key)) ordered.set(key, root.get(key)!)
  for (const [key, value] of root) if (!ordered.has(key)) ordered.set(key, value)
  layout.forms.carry(layout.root, ordered)
  return ordered
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
