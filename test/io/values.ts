/** Expected values of the recorded files. */
import { expect } from 'vitest'
import { PickleTuple, type PickleValue } from '../../src/io/pickle.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { type TensorJson, valueFromJSON } from '../../src/tensor/tensor_json.ts'

/** The tensor of a JSON form; complex numbers are pairs there. */
export function tensorFromJSON(json: TensorJson): Tensor {
  if (!json.dtype.startsWith('complex') || json.data === undefined) return valueFromJSON(json) as Tensor
  const flat = (json.data as unknown as number[][]).flat()
  const data = json.dtype === 'complex64' ? Float32Array.from(flat) : Float64Array.from(flat)
  return new Tensor(json.dtype, json.shape, data)
}

/** Compares a pickle with the JSON that the oracle's script made of the same file: arrays as { ndarray }, tuples as lists. */
export function expectPickle(value: PickleValue, json: unknown, path = ''): void {
  if (value instanceof Tensor) expect(value, path).toEqual(tensorFromJSON((json as { ndarray: TensorJson }).ndarray))
  else if (value instanceof PickleTuple || Array.isArray(value)) {
    const items = value instanceof PickleTuple ? value.items : value
    expect(items.length, path).toBe((json as unknown[]).length)
    for (const [i, item] of items.entries()) expectPickle(item, (json as unknown[])[i], `${path}/${i}`)
  } else if (value instanceof Map) {
    expect([...value.keys()].map(String), path).toEqual(Object.keys(json as object))
    for (const [key, item] of value)
      expectPickle(item, (json as Record<string, unknown>)[String(key)], `${path}/${String(key)}`)
  } else expect(value, path).toEqual(json)
}
