/**
 * What a pickle says beyond its values: which texts are one object (Python writes an object once and refers to it afterwards), which whole
 * numbers are floats, which numbers are scalars of NumPy, which arrays were LoDTensors. Reading notes it, so that writing gives the same
 * bytes; values stay plain.
 */
import type { Tensor } from '../tensor/tensor.ts'

/** A value together with how it stood in its file. */
export abstract class Formed<T = unknown> {
  readonly value: T

  constructor(value: T) {
    this.value = value
  }
}

/** A text as an object: two of them are two objects of Python, however equal. */
export class Text extends Formed<string> {}

/** A float that is a whole number. */
export class WholeFloat extends Formed<number> {}

/** A scalar of NumPy, as the code of its element type and its bytes. */
export class NumpyScalar extends Formed<number | bigint | boolean> {
  readonly code: string
  readonly bytes: Uint8Array

  constructor(value: number | bigint | boolean, code: string, bytes: Uint8Array) {
    super(value)
    this.code = code
    this.bytes = bytes
  }
}

/** A LoDTensor, which Paddle writes as a call with its array. */
export class LodTensor extends Formed<Tensor> {}

/** NumPy 1 and 2 name the module of their arrays differently; 2 knows both. */
export const MULTIARRAY = ['numpy.core.multiarray', 'numpy._core.multiarray'] as const
export type Multiarray = (typeof MULTIARRAY)[number]

/** The forms of one file, by the dict, list or tuple that holds the value and its key or position there. */
export class PickleForms {
  protocol: 2 | 3 | 4 = 4
  multiarray: Multiarray = MULTIARRAY[0]
  /** Texts that come with arrays (names of modules and functions, byte orders), by what they are for: a key of the file may be the same object. */
  readonly #constants = new Map<string, Text>()
  readonly #keys = new WeakMap<object, Map<unknown, Formed>>()
  readonly #values = new WeakMap<object, Map<unknown, Formed>>()

  noteKey(holder: object, key: Formed): void {
    note(this.#keys, holder, key.value, key)
  }

  noteValue(holder: object, slot: unknown, value: Formed): void {
    note(this.#values, holder, slot, value)
  }

  noteConstant(use: string, text: unknown): void {
    if (text instanceof Text) this.#constants.set(use, text)
  }

  /** The one object for a text that the pickler itself needs. */
  constant(use: string, value: string): Text {
    let text = this.#constants.get(use)
    if (text?.value !== value) this.#constants.set(use, (text = new Text(value)))
    return text
  }

  /** The key as it stood in `holder`, else itself. */
  key<T>(holder: object, key: T): T | Formed {
    return this.#keys.get(holder)?.get(key) ?? key
  }

  /** The value as it stood there, if it is still the same; else itself. */
  value<T>(holder: object, slot: unknown, value: T): T | Formed {
    const formed = this.#values.get(holder)?.get(slot)
    return formed !== undefined && Object.is(formed.value, value) ? formed : value
  }

  /** Lets what is noted for `from` hold for `to` as well, where keys and values are still the same. */
  carry(from: object, to: object): void {
    for (const table of [this.#keys, this.#values]) {
      const noted = table.get(from)
      if (noted !== undefined) table.set(to, noted)
    }
  }
}

function note(table: WeakMap<object, Map<unknown, Formed>>, holder: object, slot: unknown, formed: Formed): void {
  const noted = table.get(holder)
  if (noted === undefined) table.set(holder, new Map([[slot, formed]]))
  else noted.set(slot, formed)
}
