import { describe, expect, test } from 'vitest'
import { InvalidArgumentError } from '../../src/errors.ts'
import { Scope, type TensorSlot } from '../../src/executor/scope.ts'
import { SelectedRows, Tensor, TensorArray, tensor, type Value } from '../../src/tensor/tensor.ts'

const numbers = (value: Value | undefined): unknown => (value as Tensor).toArray()

describe('Scope', () => {
  test('get and set copy: neither the value given nor the one got is a view', () => {
    const scope = new Scope()
    const given = tensor([1, 2, 3])
    scope.set('x', given)
    given.data[0] = 9
    expect(numbers(scope.get('x'))).toEqual([1, 2, 3])
    const got = scope.get('x') as Tensor
    got.data[1] = 9
    expect(numbers(scope.get('x'))).toEqual([1, 2, 3])
    expect(got.data.buffer).toBeInstanceOf(ArrayBuffer)
  })

  test('selected rows and tensor arrays are copied in both directions too', () => {
    const scope = new Scope()
    const rows = new SelectedRows(
      [2, 0],
      4,
      tensor([
        [1, 2],
        [3, 4],
      ]),
    )
    const array = new TensorArray([tensor([1]), tensor([2, 3])])
    scope.set('rows', rows)
    scope.set('array', array)
    rows.value.data[0] = 9
    array.items[0]!.data[0] = 9
    const gotRows = scope.get('rows') as SelectedRows
    const gotArray = scope.get('array') as TensorArray
    expect(gotRows.rows).toEqual([2, 0])
    expect(gotRows.height).toBe(4)
    expect(gotRows.value.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(gotArray.items.map((item) => item.toArray())).toEqual([[1], [2, 3]])
    gotRows.value.data[0] = 7
    gotArray.items[1]!.data[0] = 7
    expect((scope.get('rows') as SelectedRows).value.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect((scope.get('array') as TensorArray).items[1]!.toArray()).toEqual([2, 3])
  })

  test('every element type keeps its bits', () => {
    const scope = new Scope()
    const values: Tensor[] = [
      tensor([true, false]),
      tensor([-128, 127], 'int8'),
      tensor([0, 255], 'uint8'),
      tensor([-32768, 32767], 'int16'),
      tensor([-2147483648, 2147483647], 'int32'),
      tensor([-9223372036854775808n, 9223372036854775807n], 'int64'),
      tensor(new Uint16Array([0x3c00, 0x7e01]), 'float16', [2]),
      tensor(new Uint16Array([0x3f80, 0xffc1]), 'bfloat16', [2]),
      tensor(new Float32Array([-0, Number.NaN]), 'float32', [2]),
      tensor(new Float64Array([5e-324, -Infinity]), 'float64', [2]),
    ]
    for (const value of values) scope.set(value.dtype, value)
    for (const value of values) {
      const got = scope.get(value.dtype) as Tensor
      expect(got.dtype).toBe(value.dtype)
      expect(new Uint8Array(got.data.buffer, got.data.byteOffset, got.data.byteLength)).toEqual(
        new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength),
      )
    }
  })

  test('keeps LoD, empty tensors and 0-D tensors', () => {
    const scope = new Scope()
    scope.set('sequences', new Tensor('float32', [3], new Float32Array([1, 2, 3]), [[0, 1, 3]]))
    scope.set('empty', Tensor.zeros('float32', [0, 4]))
    scope.set('scalar', tensor(5))
    expect((scope.get('sequences') as Tensor).lod).toEqual([[0, 1, 3]])
    expect((scope.get('empty') as Tensor).shape).toEqual([0, 4])
    expect((scope.get('scalar') as Tensor).shape).toEqual([])
    expect((scope.get('scalar') as Tensor).item()).toBe(5)
  })

  test('a name that nobody set has no value, and names of Object.prototype are names like any other', () => {
    const scope = new Scope()
    for (const name of ['constructor', '__proto__', 'toString', '']) {
      expect(scope.get(name)).toBeUndefined()
      expect(scope.has(name)).toBe(false)
      scope.set(name, tensor([1]))
      expect(scope.has(name)).toBe(true)
    }
    expect(scope.names()).toEqual(['constructor', '__proto__', 'toString', ''])
    expect({}.constructor).toBe(Object)
  })

  test('what is no value is refused, and the name keeps what it has', () => {
    const scope = new Scope()
    scope.set('x', tensor([1]))
    for (const wrong of [[1, 2], 3, null, undefined, 'text', new Float32Array(2), {}]) {
      let error: unknown
      try {
        scope.set('x', wrong as unknown as Value)
      } catch (caught) {
        error = caught
      }
      expect(error, String(wrong)).toBeInstanceOf(InvalidArgumentError)
      expect((error as InvalidArgumentError).code).toBe('E106')
      expect((error as InvalidArgumentError).where).toEqual({ variable: 'x' })
    }
    expect(numbers(scope.get('x'))).toEqual([1])
  })

  test('setting again may change type and shape; the memory of the old value is given back', () => {
    const scope = new Scope()
    scope.set('x', tensor([1, 2, 3]))
    const used = scope.heap.used
    scope.set('x', tensor([4, 5, 6]))
    expect(scope.heap.used, 'same type and shape: the same memory').toBe(used)
    scope.set('x', Tensor.zeros('float64', [100]))
    scope.set('x', tensor([1, 2, 3]))
    expect(scope.heap.used).toBe(used)
    scope.set('x', new SelectedRows([0], 2, tensor([[1]])))
    expect(scope.heap.used).toBe(0)
    scope.set('x', tensor([7]))
    scope.delete('x')
    expect(scope.heap.used).toBe(0)
    expect(scope.has('x')).toBe(false)
  })

  test('parents: names are looked up outwards, written where one stands, and a child hides its parent', () => {
    const root = new Scope()
    const child = new Scope(root)
    const grandchild = new Scope(child)
    root.set('a', tensor([1]))
    expect(numbers(grandchild.get('a'))).toEqual([1])
    expect(grandchild.has('a')).toBe(true)
    expect(grandchild.names()).toEqual([])
    child.set('a', tensor([2]))
    expect(numbers(grandchild.get('a'))).toEqual([2])
    expect(numbers(root.get('a'))).toEqual([1])
    grandchild.set('b', tensor([3]))
    expect(root.has('b')).toBe(false)
    expect(grandchild.root).toBe(root)
    expect(grandchild.heap).toBe(root.heap)
    child.delete('a')
    expect(numbers(grandchild.get('a'))).toEqual([1])
  })

  test('dropping a child gives its memory back to the root, whose values stay', () => {
    const root = new Scope()
    root.set('kept', tensor([1, 2]))
    const used = root.heap.used
    for (let round = 0; round < 3; round++) {
      const child = new Scope(root)
      child.set('big', Tensor.zeros('float32', [1000]))
      child.set('rows', new SelectedRows([0], 1, tensor([[1]])))
      expect(root.heap.used).toBeGreaterThan(used)
      child.drop()
      expect(root.heap.used).toBe(used)
      expect(child.names()).toEqual([])
    }
    expect(numbers(root.get('kept'))).toEqual([1, 2])
    expect(root.heap.memory.buffer.byteLength, 'the rounds used the same memory').toBeLessThanOrEqual(65536)
  })

  test('a dropped root is empty and can be used again', () => {
    const root = new Scope()
    root.set('x', tensor([1]))
    root.drop()
    expect(root.has('x')).toBe(false)
    root.set('x', tensor([2]))
    expect(numbers(root.get('x'))).toEqual([2])
  })

  test('values survive the growth of the heap, and slots see the grown memory', () => {
    const scope = new Scope()
    scope.set('x', tensor([1, 2, 3]))
    const slot = scope.find('x') as TensorSlot
    const before = slot.data
    const generation = scope.heap.generation
    scope.set('big', Tensor.zeros('float32', [1_000_000]))
    expect(scope.heap.generation).toBeGreaterThan(generation)
    expect(numbers(scope.get('x'))).toEqual([1, 2, 3])
    expect(slot.data).not.toBe(before)
    expect(slot.data.buffer).toBe(scope.heap.buffer)
    slot.data[0] = 8
    expect(numbers(scope.get('x'))).toEqual([8, 2, 3])
  })

  test('the version moves whenever a name gets, changes or loses its memory, and not when elements change', () => {
    const scope = new Scope()
    let version = scope.version
    const moved = (): boolean => {
      const changed = scope.version !== version
      version = scope.version
      return changed
    }
    scope.set('x', tensor([1, 2]))
    expect(moved()).toBe(true)
    scope.set('x', tensor([3, 4]))
    expect(moved()).toBe(false)
    scope.set('x', tensor([3, 4, 5]))
    expect(moved()).toBe(true)
    scope.delete('nobody')
    expect(moved()).toBe(false)
    scope.delete('x')
    expect(moved()).toBe(true)
  })

  test('memory that was used before does not show through: allocate gives zeros', () => {
    const scope = new Scope()
    scope.set('x', tensor(new Float32Array(64).fill(7), 'float32', [64]))
    scope.delete('x')
    expect(scope.allocate('y', 'float32', [64]).data).toEqual(new Float32Array(64))
  })
})
