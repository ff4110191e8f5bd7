/**
 * Writes data as Python's own pickler writes it, byte for byte: an object is written once and referred to by number afterwards, items of
 * lists and dicts go in batches of 1000, arrays are what `numpy.ndarray.__reduce__` gives with NumPy 1, whose module name NumPy 2 knows as
 * well. A number that is whole is an int, keys of equal text are one object and other texts each their own, unless `forms` says how the
 * file had it that they were read from.
 * Source: Modules/_pickle.c (CPython 3.11).
 */
import { InvalidArgumentError, makeError } from '../errors.ts'
import { LIMITS } from '../framework/limits.ts'
import { Tensor } from '../tensor/tensor.ts'
import { dataBytes } from './bytes.ts'
import { type Formed, LodTensor, NumpyScalar, PickleForms, Text, WholeFloat } from './pickle_forms.ts'
import { CODES } from './pickle_numpy.ts'
import { PickleOutput } from './pickle_output.ts'
import { PickleOrderedDict, PickleReduced, PickleTuple, type PickleValue } from './pickle_values.ts'

export interface WritePickleOptions {
  /** Default: that of the file that `forms` belongs to, else 4. Protocol 2 doubles most of the bytes of arrays. */
  readonly protocol?: 2 | 3 | 4
  /** How the values stood in the file that they were read from. */
  readonly forms?: PickleForms | undefined
}

/** @throws InvalidArgumentError E531 for a text that is not Unicode, ResourceExhaustedError E602 for values nested too deep. */
export function writePickle(value: PickleValue, options: WritePickleOptions = {}): Uint8Array {
  const forms = options.forms ?? new PickleForms()
  return new Pickler(options.protocol ?? forms.protocol, forms).write(value)
}

/** A class or function by its name. */
class Global {
  readonly module: string
  readonly name: string

  constructor(module: string, name: string) {
    this.module = module
    this.name = name
  }
}

/** An element type of NumPy. */
class DTypeObject {
  readonly code: string

  constructor(code: string) {
    this.code = code
  }
}

/** A text whose characters are these bytes. */
class ByteText {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** Tuples of the pickler's own hold more than values. */
class Tuple {
  readonly items: readonly Item[]

  constructor(...items: readonly Item[]) {
    this.items = items
  }
}

type Item = PickleValue | Formed | Global | DTypeObject | ByteText | Tuple

const BATCH = 1000
const EMPTY = new Tuple()

class Pickler {
  readonly #to: PickleOutput
  readonly #protocol: 2 | 3 | 4
  readonly #forms: PickleForms
  /** Numbers of what was written, by object, or by a text for what is one object whatever its value comes from. */
  readonly #memo = new Map<unknown, number>()
  readonly #dtypes = new Map<string, DTypeObject>()
  readonly #keys = new Map<string, Text>()
  readonly #globals = new Map<string, Global>()
  #depth = 0

  constructor(protocol: 2 | 3 | 4, forms: PickleForms) {
    this.#to = new PickleOutput(protocol)
    this.#protocol = protocol
    this.#forms = forms
  }

  write(value: PickleValue): Uint8Array {
    this.#save(this.#forms.value(this.#forms, 0, value))
    return this.#to.finish()
  }

  #save(item: Item): void {
    const to = this.#to
    to.boundary()
    if (item === null) to.op(0x4e)
    else if (typeof item === 'boolean') to.op(item ? 0x88 : 0x89)
    else if (typeof item === 'bigint') this.#long(item)
    else if (typeof item === 'number') this.#number(item)
    else if (item instanceof WholeFloat) this.#float(item.value)
    else {
      const known = this.#memo.get(this.#identity(item))
      if (known === undefined) this.#object(item)
      else if (known < 256)
        to.op(0x68, known) // BINGET
      else to.op(0x6a, ...u32(known)) // LONG_BINGET
    }
  }

  #object(item: Exclude<Item, null | boolean | bigint | number>): void {
    const holds = item instanceof Map || Array.isArray(item) || item instanceof PickleTuple
    if (holds && ++this.#depth > LIMITS.nesting) {
      throw makeError('ResourceExhausted', 'E602', `nesting deeper than the limit of ${LIMITS.nesting} levels`)
    }
    if (typeof item === 'string') this.#text(item, item)
    else if (item instanceof Text) this.#text(item.value, item)
    else if (item instanceof ByteText) this.#utf8(latin1ToUtf8(item.bytes), item)
    else if (item instanceof Uint8Array) this.#bytes(item)
    else if (item instanceof PickleReduced) this.#reduce(this.#builtin('tuple'), new Tuple(item.inner), item)
    else if (item instanceof PickleTuple)
      this.#tuple(
        item.items.map((part, i) => this.#forms.value(item, i, part)),
        item,
      )
    else if (item instanceof Tuple) this.#tuple(item.items, item)
    else if (item instanceof Tensor) this.#array(item)
    else if (item instanceof LodTensor) this.#lodTensor(item)
    else if (item instanceof NumpyScalar) {
      const scalar = this.#global(this.#forms.multiarray, 'scalar')
      this.#reduce(scalar, new Tuple(this.#dtypeOf(item.code), item.bytes), item)
    } else if (item instanceof DTypeObject) this.#dtype(item)
    else if (item instanceof Global) this.#name(item)
    else if (item instanceof Map) this.#dict(item)
    else if (Array.isArray(item)) this.#list(item)
    else throw new Error('a form that is not written')
    if (holds) this.#depth--
  }

  #keep(item: Item): void {
    const index = this.#memo.size
    this.#memo.set(this.#identity(item), index)
    if (this.#protocol === 4)
      this.#to.op(0x94) // MEMOIZE
    else if (index < 256)
      this.#to.op(0x71, index) // BINPUT
    else this.#to.op(0x72, ...u32(index)) // LONG_BINPUT
  }

  #number(value: number): void {
    const to = this.#to
    if (Object.is(value, -0) || !Number.isInteger(value)) this.#float(value)
    else if (value < -2147483648 || value > 2147483647) this.#long(BigInt(value))
    else if (value < 0 || value > 65535)
      to.op(0x4a, ...u32(value >>> 0)) // BININT
    else if (value > 255)
      to.op(0x4d, value & 255, value >> 8) // BININT2
    else to.op(0x4b, value) // BININT1
  }

  #float(value: number): void {
    const bytes = new Uint8Array(9)
    bytes[0] = 0x47 // BINFLOAT
    new DataView(bytes.buffer).setFloat64(1, value, false)
    this.#to.raw(bytes)
  }

  /** LONG1 or LONG4: two's complement in as many bytes as it takes. */
  #long(value: bigint): void {
    if (value >= -2147483648n && value <= 2147483647n) {
      this.#number(Number(value))
      return
    }
    const bytes: number[] = []
    for (let rest = value; ; rest >>= 8n) {
      const byte = Number(rest & 255n)
      bytes.push(byte)
      if (rest >> 8n === (byte >= 128 ? -1n : 0n)) break
    }
    this.#to.payload(bytes.length < 256 ? 0x8a : 0x8b, bytes.length < 256 ? 1 : 4, Uint8Array.from(bytes))
  }

  #text(value: string, as: Item): void {
    if (/\p{Surrogate}/u.test(value)) {
      throw new InvalidArgumentError('E531', `${JSON.stringify(value)} is not Unicode, so a pickle cannot hold it`)
    }
    this.#utf8(new TextEncoder().encode(value), as)
  }

  #utf8(bytes: Uint8Array, as: Item): void {
    const short = this.#protocol === 4 && bytes.length < 256
    this.#to.payload(short ? 0x8c : 0x58, short ? 1 : 4, bytes) // SHORT_BINUNICODE, BINUNICODE
    this.#keep(as)
  }

  #bytes(value: Uint8Array): void {
    const { length } = value
    if (this.#protocol === 2) {
      // Protocol 2 has no bytes: Python writes them as a text to be encoded.
      if (length === 0) this.#reduce(this.#builtin('bytes'), EMPTY, value)
      else {
        const args = new Tuple(new ByteText(value), this.#forms.constant('latin1', 'latin1'))
        this.#reduce(this.#global('_codecs', 'encode'), args, value)
      }
      return
    }
    if (length < 256)
      this.#to.payload(0x43, 1, value) // SHORT_BINBYTES
    else if (length < 2 ** 32)
      this.#to.payload(0x42, 4, value) // BINBYTES
    else this.#to.payload(0x8e, 8, value) // BINBYTES8
    this.#keep(value)
  }

  #tuple(items: readonly Item[], as: Item): void {
    const to = this.#to
    if (items.length === 0) {
      to.op(0x29) // EMPTY_TUPLE, of which there is one
      return
    }
    if (items.length > 3) to.op(0x28) // MARK
    for (const item of items) this.#save(item)
    to.op(items.length > 3 ? 0x74 : 0x84 + items.length) // TUPLE, TUPLE1 to TUPLE3
    this.#keep(as)
  }

  #list(list: readonly PickleValue[]): void {
    const to = this.#to
    to.op(0x5d) // EMPTY_LIST
    this.#keep(list as PickleValue[])
    for (let start = 0; start < list.length; start += BATCH) {
      if (list.length > 1) to.op(0x28) // MARK
      const end = Math.min(list.length, start + BATCH)
      for (let i = start; i < end; i++) this.#save(this.#forms.value(list, i, list[i]!))
      to.op(list.length > 1 ? 0x65 : 0x61) // APPENDS, APPEND
    }
  }

  #dict(dict: Map<string | number | bigint | boolean | null, PickleValue>): void {
    const to = this.#to
    const ordered = dict instanceof PickleOrderedDict
    if (ordered) this.#reduce(this.#global('collections', 'OrderedDict'), EMPTY, dict)
    else {
      to.op(0x7d) // EMPTY_DICT
      this.#keep(dict)
    }
    const entries = [...dict]
    if (entries.length === 0) return
    // A plain dict of a full batch is followed by an empty one; an OrderedDict goes by an iterator, which sees that nothing is left, and
    // takes a last single item without a mark.
    for (let start = 0; ordered ? start < entries.length : start <= entries.length; start += BATCH) {
      const end = Math.min(entries.length, start + BATCH)
      const single = ordered ? end - start === 1 : entries.length === 1
      if (!single) to.op(0x28) // MARK
      for (const [key, value] of entries.slice(start, end)) {
        this.#save(typeof key === 'string' ? this.#key(dict, key) : this.#forms.key(dict, key))
        this.#save(this.#forms.value(dict, key, value))
      }
      to.op(single ? 0x73 : 0x75) // SETITEM, SETITEMS
      if (end - start < BATCH) return
    }
  }

  /** A key as the file had it, else the one object for its text. */
  #key(dict: object, key: string): Item {
    const formed = this.#forms.key(dict, key)
    if (formed instanceof Text && !this.#keys.has(key)) this.#keys.set(key, formed)
    if (formed !== key) return formed
    let text = this.#keys.get(key)
    if (text === undefined) this.#keys.set(key, (text = new Text(key)))
    return text
  }

  #builtin(name: string): Global {
    return this.#global(this.#protocol === 2 ? '__builtin__' : 'builtins', name)
  }

  #global(module: string, name: string): Global {
    const full = `${module} ${name}`
    let global = this.#globals.get(full)
    if (global === undefined) this.#globals.set(full, (global = new Global(module, name)))
    return global
  }

  #name(global: Global): void {
    if (this.#protocol === 4) {
      // Python has one object for the name of a module.
      this.#save(this.#forms.constant(`module ${global.module}`, global.module))
      this.#save(this.#forms.constant(`name ${global.module} ${global.name}`, global.name))
      this.#to.op(0x93) // STACK_GLOBAL
    } else this.#to.raw(new TextEncoder().encode(`c${global.module}\n${global.name}\n`)) // GLOBAL
    this.#keep(global)
  }

  /** A call, and what it gave under the number of `as`. */
  #reduce(callable: Global, args: Tuple, as: Item): void {
    this.#save(callable)
    this.#save(args)
    this.#to.op(0x52) // REDUCE
    this.#keep(as)
  }

  /** What numpy.ndarray.__reduce__ gives: an empty array, then its state. */
  #array(tensor: Tensor): void {
    const args = new Tuple(this.#global('numpy', 'ndarray'), new Tuple(0), Uint8Array.of(0x62))
    this.#reduce(this.#global(this.#forms.multiarray, '_reconstruct'), args, tensor)
    this.#save(new Tuple(1, new Tuple(...tensor.shape), this.#dtypeOf(CODES[tensor.dtype]), false, dataBytes(tensor)))
    this.#to.op(0x62) // BUILD
  }

  #dtypeOf(code: string): DTypeObject {
    let dtype = this.#dtypes.get(code)
    if (dtype === undefined) this.#dtypes.set(code, (dtype = new DTypeObject(code)))
    return dtype
  }

  #dtype(dtype: DTypeObject): void {
    const { code } = dtype
    this.#reduce(this.#global('numpy', 'dtype'), new Tuple(new Text(code), false, true), dtype)
    const order = /[a-z]1$/.test(code) ? '|' : '<'
    this.#save(new Tuple(3, this.#forms.constant(`text ${order}`, order), null, null, null, -1, -1, 0))
    this.#to.op(0x62) // BUILD
  }

  #lodTensor(item: LodTensor): void {
    const data = this.#forms.constant('data', 'data')
    const args = new Map([['data', item.value]])
    this.#forms.noteKey(args, data)
    this.#reduce(this.#builtin('eval'), new Tuple(data, args), item)
  }

  /** What an object is known by: no text, no bytes and bytes of one character exist once in Python, others are known by themselves. */
  #identity(item: Item): unknown {
    if (item === '' || (item instanceof Text && item.value === '')) return ''
    if (typeof item === 'string') return new Text(item)
    if (item instanceof Uint8Array && item.length < 2) return `bytes ${item.join()}`
    if (item instanceof ByteText && item.bytes.length < 2) {
      const value = String.fromCharCode(...item.bytes)
      return this.#forms.constant(`text ${value}`, value)
    }
    return item
  }
}

const u32 = (value: number): number[] => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24]

function latin1ToUtf8(bytes: Uint8Array): Uint8Array {
  let high = 0
  for (const byte of bytes) if (byte >= 128) high++
  const out = new Uint8Array(bytes.length + high)
  let at = 0
  for (const byte of bytes) {
    if (byte >= 128) {
      out[at++] = 0xc0 | (byte >> 6)
      out[at++] = 0x80 | (byte & 0x3f)
    } else out[at++] = byte
  }
  return out
}
