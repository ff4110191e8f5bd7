/**
 * The few names of Python that a pickle may use, and what they build: arrays, element types, bytes, tuples and dicts. A name is compared,
 * never looked up, and nothing is called.
 * Source: numpy/core/src/multiarray/methods.c; python/paddle/framework/io.py, reduce_varbase and reduce_LoDTensor (2.6.2).
 */
import type { Limits } from '../framework/limits.ts'
import { Tensor } from '../tensor/tensor.ts'
import { type Formed, LodTensor } from './pickle_forms.ts'
import { buildArray, NdArray, NumpyDType, readScalar } from './pickle_numpy.ts'
import {
  bytesOf,
  damaged,
  notRead,
  PickleOrderedDict,
  PickleReduced,
  PickleTuple,
  type PickleValue,
  refused,
} from './pickle_values.ts'

/** A name of Python in the place of a value. It is only ever compared. */
export class Global {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** Names that mean a step in building an array. All others are refused. */
const GLOBALS: Readonly<Record<string, string>> = {
  'numpy.core.multiarray._reconstruct': 'reconstruct',
  'numpy._core.multiarray._reconstruct': 'reconstruct',
  'numpy.core.multiarray.scalar': 'scalar',
  'numpy._core.multiarray.scalar': 'scalar',
  'numpy.ndarray': 'ndarray',
  'numpy.dtype': 'dtype',
  '_codecs.encode': 'encode',
  'builtins.bytes': 'bytes',
  '__builtin__.bytes': 'bytes',
  'collections.OrderedDict': 'dict',
  // How Paddle writes a Tensor inside a list or dict: as the tuple of its name and its array.
  'builtins.tuple': 'tuple',
  '__builtin__.tuple': 'tuple',
  // Paddle writes a LoDTensor as this name with the arguments ('data', { 'data': array }), which mean the array; no others are taken.
  'builtins.eval': 'eval',
  '__builtin__.eval': 'eval',
}

export const MARK = Symbol('mark')
/** What the stack of a pickle holds. */
export type Item = PickleValue | Formed | Global | NdArray | NumpyDType | typeof MARK

/** @throws EnforceError E530 for a name that is not one of the few. */
export function globalOf(module: string, name: string, at: number): Global {
  const full = `${module}.${name}`
  if (!Object.hasOwn(GLOBALS, full)) throw refused(full, at)
  return new Global(full)
}

const notLatin1 = (at: number): never => {
  throw damaged('a text is not Latin-1', at)
}

/** What a name means with these arguments: one of a few shapes, each built here. */
export function reduce(callable: Item, args: Item, at: number): Item {
  if (!(callable instanceof Global)) throw damaged('it calls what is no name', at)
  if (!(args instanceof PickleTuple)) throw damaged('arguments are no tuple', at)
  const items = args.items as readonly Item[]
  const [first, second] = items
  switch (GLOBALS[callable.name]) {
    case 'reconstruct':
      if (first instanceof Global && GLOBALS[first.name] === 'ndarray') return new NdArray()
      break
    case 'dtype':
      if (typeof first === 'string') return new NumpyDType(first, at)
      break
    case 'scalar': {
      const bytes = typeof second === 'string' ? bytesOf(second) : second
      if (first instanceof NumpyDType && bytes instanceof Uint8Array) return readScalar(first, bytes, at)
      break
    }
    case 'encode':
      // How protocol 2 writes bytes.
      if (typeof first === 'string' && second === 'latin1') return bytesOf(first) ?? notLatin1(at)
      break
    case 'bytes':
      // How protocol 2 writes no bytes.
      if (items.length === 0) return new Uint8Array(0)
      break
    case 'tuple':
      if (first instanceof PickleTuple && items.length === 1) return new PickleReduced(first)
      break
    case 'dict':
      if (items.length === 0) return new PickleOrderedDict()
      break
    case 'eval': {
      const data = second instanceof Map && second.size === 1 && first === 'data' ? second.get('data') : undefined
      if (data instanceof Tensor && items.length === 2) return new LodTensor(data)
      break
    }
  }
  throw refused(`${callable.name}(…)`, at)
}

export function build(target: Item, state: Item, limits: Limits, at: number): void {
  if (target instanceof NumpyDType && state instanceof PickleTuple) target.setState(state.items, at)
  else if (target instanceof NdArray && state instanceof PickleTuple) {
    if (target.tensor !== undefined) throw damaged('an array is filled twice', at)
    const [, shape, dtype, fortran, data] = state.items as readonly Item[]
    if (!(shape instanceof PickleTuple) || !(dtype instanceof NumpyDType) || typeof fortran !== 'boolean') {
      throw damaged('the parts of an array are wrong', at)
    }
    const bytes = typeof data === 'string' ? bytesOf(data) : data
    if (!(bytes instanceof Uint8Array)) throw notRead('an array of objects', at)
    target.tensor = buildArray({ shape: shape.items, dtype, fortran, bytes }, limits, at)
  } else throw notRead('an object with a state', at)
}
