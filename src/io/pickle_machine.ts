/**
 * The machine that a pickle is a program for: a stack, a memory and some fifty steps. What its names mean is in `pickle_names.ts`.
 * Source: Lib/pickletools.py (CPython 3.11), whose docstrings are the specification.
 */
import { type EnforceError, type InvalidArgumentError, makeError } from '../errors.ts'
import type { Limits } from '../framework/limits.ts'
import { ByteReader } from './bytes.ts'
import { Formed, MULTIARRAY, type PickleForms, Text, WholeFloat } from './pickle_forms.ts'
import { build, Global, globalOf, type Item, MARK, reduce } from './pickle_names.ts'
import { NdArray, NumpyDType } from './pickle_numpy.ts'
import {
  damaged,
  latin1,
  longFrom,
  notRead,
  type PickleDict,
  PickleTuple,
  type PickleValue,
  refused,
} from './pickle_values.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class PickleMachine {
  readonly #reader: ByteReader
  readonly #limits: Limits
  readonly #forms: PickleForms | undefined
  readonly #stack: Item[] = []
  readonly #memo = new Map<number, Item>()
  /** Where the current step begins. */
  #at = 0
  /** Where the current frame ends. */
  #frameEnd = 0

  constructor(bytes: Uint8Array, limits: Limits, forms?: PickleForms) {
    this.#reader = new ByteReader(bytes, () => damaged('it ends in the middle of a step', bytes.length))
    this.#limits = limits
    this.#forms = forms
  }

  run(): PickleValue {
    const reader = this.#reader
    if (reader.u8('PROTO') !== 0x80) throw damaged('it does not begin with its protocol', 0)
    const protocol = reader.u8('PROTO')
    if (protocol < 2 || protocol > 4) throw notRead(`protocol ${protocol}`, 0)
    for (;;) {
      this.#at = reader.pos
      const op = reader.u8('a step')
      if (op === 0x2e) break
      this.#step(op)
      if (this.#frameEnd > this.#at && reader.pos > this.#frameEnd) throw this.#fault('a step reaches beyond its frame')
    }
    if (reader.left > 0) throw damaged(`${reader.left} bytes follow its end`, reader.pos)
    const value = this.#pop()
    if (this.#stack.length > 0) throw this.#fault('something is left over at its end')
    const result = this.#value(value)
    if (value instanceof Formed) this.#forms?.noteValue(this.#forms, 0, value)
    if (this.#forms !== undefined) this.#forms.protocol = protocol as 2 | 3 | 4
    this.#checkFinished(result)
    return result
  }

  #fault(what: string): InvalidArgumentError {
    return damaged(what, this.#at)
  }

  #step(op: number): void {
    const reader = this.#reader
    const stack = this.#stack
    switch (op) {
      case 0x95: {
        // FRAME: the bytes of steps that follow. Nothing is read by it, but it must be right.
        const size = reader.u64('FRAME')
        if (this.#at < this.#frameEnd) throw this.#fault('a frame begins in another one')
        if (size > reader.left) throw this.#fault('a frame reaches beyond its end')
        this.#frameEnd = reader.pos + size
        return
      }
      case 0x28: // MARK
        stack.push(MARK)
        return
      case 0x30: // POP
        if (stack.pop() === undefined) throw this.#fault('it takes from an empty stack')
        return
      case 0x31: // POP_MARK
        this.#toMark()
        return
      case 0x32: // DUP
        stack.push(this.#top())
        return
      case 0x4e: // NONE
        stack.push(null)
        return
      case 0x88: // NEWTRUE
        stack.push(true)
        return
      case 0x89: // NEWFALSE
        stack.push(false)
        return
      case 0x4a: // BININT
        stack.push(reader.i32('BININT'))
        return
      case 0x4b: // BININT1
        stack.push(reader.u8('BININT1'))
        return
      case 0x4d: // BININT2
        stack.push(reader.u16('BININT2'))
        return
      case 0x8a: // LONG1
        stack.push(longFrom(reader.slice(reader.u8('LONG1'), 'LONG1')))
        return
      case 0x8b: // LONG4
        stack.push(this.#long4())
        return
      case 0x47: // BINFLOAT
        stack.push(floatOf(reader.f64be('BINFLOAT')))
        return
      case 0x8c: // SHORT_BINUNICODE
        stack.push(this.#text(reader.u8('SHORT_BINUNICODE')))
        return
      case 0x58: // BINUNICODE
        stack.push(this.#text(reader.u32('BINUNICODE')))
        return
      case 0x8d: // BINUNICODE8
        stack.push(this.#text(reader.u64('BINUNICODE8')))
        return
      case 0x55: // SHORT_BINSTRING: a str of Python 2, read as Paddle reads it
        stack.push(new Text(latin1(reader.slice(reader.u8('SHORT_BINSTRING'), 'SHORT_BINSTRING'))))
        return
      case 0x54: // BINSTRING
        stack.push(new Text(latin1(reader.slice(reader.i32('BINSTRING'), 'BINSTRING'))))
        return
      case 0x43: // SHORT_BINBYTES
        stack.push(reader.slice(reader.u8('SHORT_BINBYTES'), 'SHORT_BINBYTES'))
        return
      case 0x42: // BINBYTES
        stack.push(reader.slice(reader.u32('BINBYTES'), 'BINBYTES'))
        return
      case 0x8e: // BINBYTES8
        stack.push(reader.slice(reader.u64('BINBYTES8'), 'BINBYTES8'))
        return
      case 0x5d: // EMPTY_LIST
        stack.push([])
        return
      case 0x6c: // LIST
        stack.push(this.#extend([], this.#toMark()))
        return
      case 0x61: // APPEND
        this.#append([this.#pop()])
        return
      case 0x65: // APPENDS
        this.#append(this.#toMark())
        return
      case 0x29: // EMPTY_TUPLE
        stack.push(new PickleTuple([]))
        return
      case 0x85: // TUPLE1 to TUPLE3
      case 0x86:
      case 0x87:
        this.#tuple(op - 0x84)
        return
      case 0x74: // TUPLE
        stack.push(this.#tupleOf(this.#toMark()))
        return
      case 0x7d: // EMPTY_DICT
        stack.push(new Map())
        return
      case 0x64: // DICT
        stack.push(this.#fill(new Map(), this.#toMark()))
        return
      case 0x73: {
        // SETITEM
        const value = this.#pop()
        this.#setItems([this.#pop(), value])
        return
      }
      case 0x75: // SETITEMS
        this.#setItems(this.#toMark())
        return
      case 0x71: // BINPUT
        this.#memo.set(reader.u8('BINPUT'), this.#top())
        return
      case 0x72: // LONG_BINPUT
        this.#memo.set(reader.u32('LONG_BINPUT'), this.#top())
        return
      case 0x94: // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top())
        return
      case 0x68: // BINGET
        this.#get(reader.u8('BINGET'))
        return
      case 0x6a: // LONG_BINGET
        this.#get(reader.u32('LONG_BINGET'))
        return
      case 0x63: // GLOBAL
        stack.push(this.#global(this.#line(), this.#line()))
        return
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop()
        const module = this.#pop()
        if (!(name instanceof Text && module instanceof Text)) throw this.#fault('a name is no text')
        this.#forms?.noteConstant(`module ${module.value}`, module)
        this.#forms?.noteConstant(`name ${module.value} ${name.value}`, name)
        stack.push(this.#global(module.value, name.value))
        return
      }
      case 0x52: {
        // REDUCE
        const args = this.#pop()
        const callable = this.#pop()
        stack.push(reduce(callable, args, this.#at))
        this.#noteTexts(callable, args)
        return
      }
      case 0x62: {
        // BUILD
        const state = this.#pop()
        build(this.#top(), state, this.#limits, this.#at)
        this.#noteTexts(this.#top(), state)
        return
      }
      default:
        throw this.#other(op)
    }
  }

  /** Steps that build what is not read, and bytes that are no step. */
  #other(op: number): EnforceError {
    const name = OTHER_STEPS[op]
    return name === undefined ? this.#fault(`0x${op.toString(16)} is no step`) : notRead(name, this.#at)
  }

  #top(): Item {
    const item = this.#stack.at(-1)
    if (item === undefined || item === MARK) throw this.#fault('it reads from an empty stack')
    return item
  }

  #pop(): Exclude<Item, typeof MARK> {
    const item = this.#stack.pop()
    if (item === undefined || item === MARK) throw this.#fault('it takes from an empty stack')
    return item
  }

  /** Everything above the last mark. */
  #toMark(): Exclude<Item, typeof MARK>[] {
    const mark = this.#stack.lastIndexOf(MARK)
    if (mark < 0) throw this.#fault('a mark is missing')
    const items = this.#stack.splice(mark)
    return items.slice(1) as Exclude<Item, typeof MARK>[]
  }

  #tuple(count: number): void {
    const items: Exclude<Item, typeof MARK>[] = []
    for (let i = 0; i < count; i++) items.push(this.#pop())
    this.#stack.push(this.#tupleOf(items.reverse()))
  }

  /** Items may be names, as arguments of a step; `#checkFinished` refuses them anywhere else. */
  #tupleOf(items: readonly Item[]): PickleTuple {
    const tuple = new PickleTuple(
      items.map((item) => (item instanceof NdArray ? (item.tensor ?? item) : plain(item))) as PickleValue[],
    )
    if (this.#forms !== undefined) {
      for (const [i, item] of items.entries()) if (item instanceof Formed) this.#forms.noteValue(tuple, i, item)
    }
    return tuple
  }

  #get(index: number): void {
    const item = this.#memo.get(index)
    if (item === undefined) throw this.#fault(`nothing was kept under ${index}`)
    this.#stack.push(item)
  }

  #global(module: string, name: string): Global {
    const multiarray = MULTIARRAY.find((known) => known === module)
    if (multiarray !== undefined && this.#forms !== undefined) this.#forms.multiarray = multiarray
    return globalOf(module, name, this.#at)
  }

  /** Texts that come with arrays and bytes. */
  #noteTexts(target: Item, args: Item): void {
    const forms = this.#forms
    if (forms === undefined || !(args instanceof PickleTuple)) return
    const formed = args.items.slice(0, 2).map((item, i) => forms.value(args, i, item))
    if (target instanceof NumpyDType) forms.noteConstant(`text ${String(args.items[1])}`, formed[1])
    else if (target instanceof Global && target.name === '_codecs.encode') {
      if ((args.items[0] as string).length === 1) forms.noteConstant(`text ${String(args.items[0])}`, formed[0])
      forms.noteConstant('latin1', formed[1])
    } else if (target instanceof Global && target.name.endsWith('.eval')) forms.noteConstant('data', formed[0])
  }

  #text(size: number): Text {
    const bytes = this.#reader.slice(size, 'a text')
    try {
      return new Text(utf8.decode(bytes))
    } catch {
      throw this.#fault('a text is not UTF-8')
    }
  }

  #line(): string {
    const { bytes, pos } = this.#reader
    const end = bytes.indexOf(10, pos)
    if (end < 0 || end - pos > 1024) throw this.#fault('a name does not end')
    this.#reader.pos = end + 1
    return latin1(bytes.subarray(pos, end))
  }

  #long4(): number | bigint {
    const size = this.#reader.i32('LONG4')
    // Python itself takes seconds for numbers of a million digits.
    if (size < 0 || size > 4096) throw this.#fault(`a number of ${size} bytes`)
    return longFrom(this.#reader.slice(size, 'LONG4'))
  }

  #append(items: readonly Item[]): void {
    const list = this.#top()
    if (!Array.isArray(list)) throw this.#fault('it appends to what is no list')
    this.#extend(list, items)
  }

  #extend(list: PickleValue[], items: readonly Item[]): PickleValue[] {
    for (const item of items) {
      if (item instanceof Formed) this.#forms?.noteValue(list, list.length, item)
      list.push(this.#value(item))
    }
    return list
  }

  #setItems(items: readonly Item[]): void {
    const dict = this.#top()
    if (!(dict instanceof Map)) throw this.#fault('it sets an item of what is no dict')
    this.#fill(dict, items)
  }

  #fill(dict: PickleDict, items: readonly Item[]): PickleDict {
    if (items.length % 2 !== 0) throw this.#fault('a key has no value')
    for (let i = 0; i < items.length; i += 2) {
      const formedKey = items[i]!
      const key = plain(formedKey)
      if (key !== null && !['string', 'number', 'bigint', 'boolean'].includes(typeof key)) {
        throw notRead('a key that is neither text nor number', this.#at)
      }
      const value = items[i + 1]!
      dict.set(key as string, this.#value(value))
      if (formedKey instanceof Formed) this.#forms?.noteKey(dict, formedKey)
      if (value instanceof Formed) this.#forms?.noteValue(dict, key, value)
    }
    return dict
  }

  /** An item as a value; arrays must be filled by then. */
  #value(formed: Item): PickleValue {
    const item = plain(formed)
    if (item instanceof NdArray) {
      if (item.tensor === undefined) throw this.#fault('an array has no elements')
      return item.tensor
    }
    if (item instanceof Global) throw refused(item.name, this.#at)
    if (item === MARK || item instanceof NumpyDType) throw notRead('a type in the place of a value', this.#at)
    return item
  }

  /** Tuples are made before their items are looked at; what is returned must hold finished values only, and not itself. */
  #checkFinished(root: PickleValue): void {
    const done = new Set<unknown>()
    const open: { items: Iterator<PickleValue>; of: unknown }[] = []
    const path = new Set<unknown>()
    const enter = (value: Item): void => {
      if (value instanceof NdArray) throw this.#fault('an array is used before it has elements')
      const checked = this.#value(value)
      const items =
        checked instanceof PickleTuple
          ? checked.items.values()
          : checked instanceof Map || Array.isArray(checked)
            ? checked.values()
            : undefined
      if (items === undefined || done.has(checked)) return
      if (path.has(checked)) throw notRead('an object that holds itself', this.#at)
      if (open.length >= this.#limits.nesting) {
        throw makeError('ResourceExhausted', 'E602', `nesting deeper than the limit of ${this.#limits.nesting} levels`)
      }
      path.add(checked)
      open.push({ items, of: checked })
    }
    enter(root)
    while (open.length > 0) {
      const top = open.at(-1)!
      const next = top.items.next()
      if (next.done !== true) enter(next.value)
      else {
        open.pop()
        path.delete(top.of)
        done.add(top.of)
      }
    }
  }
}

const plain = (item: Item): Exclude<Item, Formed> =>
  item instanceof Formed ? (item.value as PickleValue) : (item as Exclude<Item, Formed>)

const floatOf = (value: number): number | WholeFloat =>
  Number.isInteger(value) && !Object.is(value, -0) ? new WholeFloat(value) : value

const OTHER_STEPS: Readonly<Record<number, string>> = {
  73: 'INT (protocol 0)',
  76: 'LONG (protocol 0)',
  70: 'FLOAT (protocol 0)',
  83: 'STRING (protocol 0)',
  86: 'UNICODE (protocol 0)',
  112: 'PUT (protocol 0)',
  103: 'GET (protocol 0)',
  80: 'a reference to an object elsewhere (PERSID)',
  81: 'a reference to an object elsewhere (BINPERSID)',
  105: 'an object of a class (INST)',
  111: 'an object of a class (OBJ)',
  129: 'an object of a class (NEWOBJ)',
  146: 'an object of a class (NEWOBJ_EX)',
  130: 'an extension (EXT1)',
  131: 'an extension (EXT2)',
  132: 'an extension (EXT4)',
  143: 'a set',
  144: 'a set',
  145: 'a frozen set',
  150: 'a bytearray (protocol 5)',
  151: 'a buffer elsewhere (protocol 5)',
  152: 'a buffer elsewhere (protocol 5)',
}
