/** A run like the one before skips its checks. Whatever differs from it is checked, and computed, as if it were the first run. */
import { describe, expect, test } from 'vitest'
import { build, EnforceError, Executor, type FeedValue, input, lr, nn, optimizer, Scope } from '../../src/index.ts'
import { type Tensor, tensor, type Value } from '../../src/tensor/tensor.ts'

const backends = ['ts', 'wasm'] as const

function codeOf(body: () => unknown): string {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return error.code
    throw error
  }
  return 'nothing was thrown'
}

const numbers = (value: Value | undefined): unknown => (value as Tensor).toArray()

/** y = a + b for vectors of four, and a parameter w that no operator changes: z = y w. */
function sums() {
  return build(() => {
    const a = input('a', [null, 4])
    const b = input('b', [null, 4])
    const y = a.add(b)
    const z = nn.functional.fc(y, 1, {
      weightAttr: { name: 'w', initializer: nn.initializer.Constant(1) },
      biasAttr: false,
    })
    return { y, z }
  })
}

const ones = (rows = 1): Float32Array => new Float32Array(4 * rows).fill(1)

describe.each(backends)('%s', (backend) => {
  /** An executor that has run twice with a and b as bare arrays of one row. */
  function running() {
    const { main, startup, out } = sums()
    const executor = new Executor({ backend })
    executor.run(startup)
    const run = (feed: Record<string, FeedValue>, fetch = [out.z]): unknown[] =>
      executor.run(main, { feed, fetch }).map(numbers)
    for (let i = 0; i < 2; i++) expect(run({ a: ones(), b: ones() })).toEqual([[[8]]])
    expect(executor.lastRun).toMatchObject({ engine: 'plan', backend })
    return { main, out, executor, run }
  }

  test('new numbers in the same arrays, in other arrays and in tensors are what is computed with', () => {
    const { run } = running()
    const a = ones()
    expect(run({ a, b: ones() })).toEqual([[[8]]])
    a[2] = 10
    expect(run({ a, b: ones() })).toEqual([[[17]]])
    expect(run({ a: ones().fill(2), b: ones() })).toEqual([[[12]]])
    const fed = tensor([[1, 2, 3, 4]])
    for (let i = 0; i < 3; i++) expect(run({ a: fed, b: ones() })).toEqual([[[14]]])
    expect(run({ a: tensor([[0, 0, 0, 1]]), b: ones() })).toEqual([[[5]]])
    expect(run({ a: [[1, 1, 1, 3]], b: ones() })).toEqual([[[10]]])
  })

  test('other shapes, orders, fetches and typed arrays are seen', () => {
    const { run, out } = running()
    expect(run({ a: ones(2), b: ones(2) })).toEqual([[[8], [8]]])
    expect(run({ b: ones().fill(5), a: ones() })).toEqual([[[24]]])
    expect(run({ a: ones(), b: ones().fill(5) }, [out.y, out.z])).toEqual([[[6, 6, 6, 6]], [[24]]])
    expect(run({ a: ones(), b: ones().fill(5) }, [])).toEqual([])
    const two = tensor([
      [1, 1, 1, 1],
      [2, 2, 2, 2],
    ])
    expect(run({ a: two, b: two })).toEqual([[[8], [16]]])
    expect(run({ a: two, b: ones(2) })).toEqual([[[8], [12]]])
  })

  test('what is wrong is refused after a good run as it is before one, and the good run still works', () => {
    const { run } = running()
    const fresh = (): Float32Array => ones()
    const moved = ones()
    structuredClone(moved.buffer, { transfer: [moved.buffer] })
    const inherited = Object.create({ b: fresh() }, { a: { value: fresh(), enumerable: true } })
    const wrong: Record<string, Record<string, FeedValue>> = {
      missing: { a: fresh() },
      surplus: { a: fresh(), b: fresh(), c: fresh() },
      'other name': { a: fresh(), B: fresh() },
      'element type': { a: fresh(), b: new Float64Array(4) },
      length: { a: fresh(), b: new Float32Array(5) },
      rank: { a: fresh(), b: tensor([1, 1, 1, 1]) },
      transferred: { a: moved, b: fresh() },
      inherited: inherited,
      text: { a: fresh(), b: 'ones' as unknown as FeedValue },
      'no array': { a: fresh(), b: { constructor: Float32Array, length: 4 } as unknown as FeedValue },
    }
    for (const [what, feed] of Object.entries(wrong)) {
      expect(
        codeOf(() => run(feed)),
        what,
      ).toBe('E110')
      for (let i = 0; i < 2; i++) expect(run({ a: fresh(), b: fresh() }), what).toEqual([[[8]]])
    }
    expect(codeOf(() => run({ a: fresh(), b: fresh() }, ['nowhere' as never]))).toBe('E120')
  })

  test('values that are set, take another shape or are deleted in the scope are seen', () => {
    const { run, executor } = running()
    executor.scope.set('w', tensor([[1], [1], [1], [2]]))
    expect(run({ a: ones(), b: ones() })).toEqual([[[10]]])
    executor.scope.set(
      'w',
      tensor([
        [1, 0],
        [1, 0],
        [1, 0],
        [1, 1],
      ]),
    )
    expect(run({ a: ones(), b: ones() })).toEqual([[[8, 2]]])
    executor.scope.delete('w')
    expect(codeOf(() => run({ a: ones(), b: ones() }))).toBe('E101')
    executor.scope.set('w', tensor([[1], [1], [1], [1]]))
    expect(run({ a: ones(), b: ones() })).toEqual([[[8]]])
  })

  test('an edit of the program is seen', () => {
    const { run, main, out } = running()
    main
      .globalBlock()
      .appendOp({ type: 'scale', inputs: { X: [out.z] }, outputs: { Out: [out.z] }, attrs: { scale: 2 } })
    for (let i = 0; i < 2; i++) expect(run({ a: ones(), b: ones() })).toEqual([[[16]]])
  })

  test('results are the caller’s own, and a disposed executor stays disposed', () => {
    const { executor, main, out } = running()
    const feed = { a: ones(), b: ones() }
    const [first] = executor.run(main, { feed, fetch: [out.z] }) as [Tensor]
    ;(first.data as Float32Array)[0] = -1
    const [second] = executor.run(main, { feed, fetch: [out.z] }) as [Tensor]
    expect([numbers(first), numbers(second)]).toEqual([[[-1]], [[8]]])
    executor.dispose()
    expect(codeOf(() => executor.run(main, { feed, fetch: [out.z] }))).toBe('E105')
  })

  test('two programs that take turns on one scope, with a schedule, train as each run by the interpreter does', () => {
    const trace = (options: { engine: 'plan' | 'interpreter' }): unknown[] => {
      const rate = new lr.ExponentialDecay({ learningRate: 0.5, gamma: 0.9 })
      const { main, startup, out } = build(
        () => {
          const x = input('x', [null, 4])
          const loss = nn.functional.fc(x, 2, { activation: 'tanh' }).square().mean()
          const test = loss.block.program.clone({ forTest: true })
          new optimizer.Adam({ learningRate: rate }).minimize(loss)
          return { loss, test }
        },
        { seed: 3 },
      )
      const executor = new Executor({ backend, scope: new Scope(), ...options })
      executor.run(startup)
      const results: unknown[] = []
      for (let step = 0; step < 6; step++) {
        const feed = { x: Float32Array.from({ length: 8 }, (_, i) => Math.sin(i + step)) }
        results.push(numbers(executor.run(main, { feed, fetch: [out.loss] })[0]))
        results.push(numbers(executor.run(out.test, { feed, fetch: [out.loss.name] })[0]))
        rate.step()
      }
      return results
    }
    expect(trace({ engine: 'plan' })).toEqual(trace({ engine: 'interpreter' }))
  })
})

test('an error of an operator in a repeated run leaves the next run as it was', () => {
  const { main, out } = build(() => {
    const x = input('x', [null, 2])
    const label = input('label', [null, 1], 'int64')
    return nn.functional.softmaxWithCrossEntropy(x, label)
  })
  const executor = new Executor()
  const x = new Float32Array([1, 2])
  const run = (label: bigint): unknown[] =>
    executor.run(main, { feed: { x, label: new BigInt64Array([label]) }, fetch: [out] }).map(numbers)
  const [good] = [run(1n), run(1n)]
  expect(codeOf(() => run(7n))).not.toBe('nothing was thrown')
  expect(run(1n)).toEqual(good)
})
