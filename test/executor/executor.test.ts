/** What a run checks before it starts, what it gives back, and that a failed or finished run leaves nothing behind. */
import { describe, expect, test } from 'vitest'
import {
  build,
  EnforceError,
  Executor,
  type FeedValue,
  input,
  nn,
  optimizer,
  Program,
  Scope,
  type Variable,
} from '../../src/index.ts'
import { Tensor, tensor, type Value } from '../../src/tensor/tensor.ts'

const engines = ['plan', 'interpreter'] as const

function failure(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const zero = ({ data }: Tensor): unknown => (data as Float32Array).fill(0)
const numbers = (value: Value | undefined): unknown => (value as Tensor).toArray()

/** y = x w + b with w = [[2], [3]] and b = [1], and the mean of y. */
function linear(): { main: Program; startup: Program; x: Variable; y: Variable; loss: Variable } {
  const built = build(() => {
    const x = input('x', [null, 2])
    const y = nn.functional.fc(x, 1, {
      weightAttr: { initializer: nn.initializer.Assign([[2], [3]]) },
      biasAttr: { initializer: nn.initializer.Constant(1) },
    })
    return { x, y, loss: nn.functional.mean(y) }
  })
  return { main: built.main as Program, startup: built.startup as Program, ...built.out }
}

/** An executor that still computes: x [1, 1] gives 2 + 3 + 1. */
function expectGoodRun(executor: Executor): void {
  const { main, startup, y } = linear()
  executor.run(startup)
  expect(numbers(executor.run(main, { feed: { x: [[1, 1]] }, fetch: [y] })[0])).toEqual([[6]])
}

describe.each(engines)('Executor (%s)', (engine) => {
  const make = (): Executor => new Executor({ engine })

  describe('startup', () => {
    test('E101: startup has not been run; it names the variable, the operator that reads it and the one that sets it', () => {
      const { main } = linear()
      const executor = make()
      const error = failure(() => executor.run(main, { feed: { x: [[1, 1]] } }))
      expect(error.code).toBe('E101')
      expect(error.category).toBe('PreconditionNotMet')
      expect(error.got).toEqual(['fc_0.w_0', 'fc_0.b_0'])
      expect(error.where).toMatchObject({ block: 0, op: 0, opType: 'mul', variable: 'fc_0.w_0' })
      expect(error.hint).toBe('run the startup program first; its operator 0 (assign_value) sets "fc_0.w_0"')
      expect(executor.scope.names(), 'nothing was written').toEqual([])
      expectGoodRun(executor)
    })

    test('E102: minimize after startup ran; exactly the variables added since are named, and a second run sets only them', () => {
      const { main, startup, y, loss } = linear()
      const executor = make()
      executor.run(startup)
      executor.scope.set('fc_0.w_0', tensor([[20], [30]]))
      new optimizer.Adam({ learningRate: 0.5 }).minimize(loss)
      const added = [...main.globalBlock().vars.values()]
        .filter((variable) => variable.persistable && !variable.isParameter)
        .map((variable) => variable.name)
      expect(added).toHaveLength(1 + 2 * 4)
      const error = failure(() => executor.run(main, { feed: { x: [[1, 1]] } }))
      expect(error.code).toBe('E102')
      expect([...(error.got as string[])].sort()).toEqual([...added].sort())
      expect(error.hint).toContain('run the startup program again')
      executor.run(startup)
      expect(numbers(executor.scope.get('fc_0.w_0')), 'what was set is kept').toEqual([[20], [30]])
      expect(numbers(executor.scope.get('fc_0.w_0_beta1_pow_acc_0'))).toEqual([Math.fround(0.9)])
      expect(numbers(executor.run(main, { feed: { x: [[1, 1]] }, fetch: [y] })[0])).toEqual([[51]])
      executor.run(startup)
      expect(numbers(executor.scope.get('fc_0.w_0')), 'unchanged, it runs whole').toEqual([[2], [3]])
    })

    test('a startup program that was edited in front of what ran is run whole', () => {
      const { startup } = linear()
      const executor = make()
      executor.run(startup)
      executor.scope.set('fc_0.b_0', tensor([9]))
      const block = startup.globalBlock()
      block.createVar({ name: 'extra', persistable: true })
      block.prependOp({ type: 'fill_constant', outputs: { Out: 'extra' }, attrs: { shape: [1], value: 4 } })
      executor.run(startup)
      expect(numbers(executor.scope.get('fc_0.b_0'))).toEqual([1])
      expect(numbers(executor.scope.get('extra'))).toEqual([4])
    })

    test('E103: a temporary that is read before anything writes it', () => {
      const program = new Program()
      const block = program.globalBlock()
      block.createVar({ name: 'early', dtype: 'float32', shape: [2] })
      block.createVar({ name: 'y' })
      block.appendOp({ type: 'relu', inputs: { X: 'early' }, outputs: { Out: 'y' } })
      const executor = make()
      const error = failure(() => executor.run(program, { fetch: ['y'] }))
      expect(error.code).toBe('E103')
      expect(error.where).toMatchObject({ block: 0, op: 0, opType: 'relu', variable: 'early' })
      expectGoodRun(executor)
    })

    test('E105: a disposed executor runs nothing', () => {
      const { startup } = linear()
      const executor = make()
      executor.dispose()
      expect(failure(() => executor.run(startup)).code).toBe('E105')
      expectGoodRun(make())
    })

    test('E401: all unknown operators at once, before the first one runs', () => {
      const json = linear().main.toJSON()
      const block = json.blocks[0]!
      const strange = (type: string) => ({ type, inputs: {}, outputs: {}, attrs: {} })
      const program = Program.from({
        ...json,
        blocks: [{ ...block, ops: [...block.ops, strange('warp'), strange('rellu'), strange('warp')] }],
      })
      const executor = make()
      const error = failure(() => executor.run(program, { feed: { x: [[1, 1]] } }))
      expect(error.code).toBe('E401')
      expect(error.category).toBe('Unimplemented')
      expect(error.got).toEqual(['warp', 'rellu'])
      expect(error.summary).toContain('warp (2 times)')
      expectGoodRun(executor)
    })
  })

  describe('feeds', () => {
    /** A program whose feeds are wanted in all their variety. */
    function feeding(): { program: Program; executor: Executor; run(feed: Record<string, unknown>): Value[] } {
      const { main } = build(() => {
        const image = input('image', [null, 4])
        const label = input('label', [null, 1], 'int64')
        const fixed = input('fixed', [2, 3], 'float64')
        return [nn.functional.relu(image), nn.functional.relu(fixed), label]
      })
      const block = main.globalBlock()
      block.createVar({ name: 'kept', dtype: 'int64' })
      block.appendOp({ type: 'assign', inputs: { X: 'label' }, outputs: { Out: 'kept' } })
      const executor = make()
      return {
        program: main as Program,
        executor,
        run: (feed) =>
          executor.run(main, {
            feed: feed as Record<string, FeedValue>,
            fetch: ['relu_0.tmp_0', 'relu_1.tmp_0', 'kept'],
          }),
      }
    }
    const goodFeed = {
      image: [[1, -2, 3, -4]],
      label: [[7n]],
      fixed: [
        [1, -1, 0],
        [2, -2, 0],
      ],
    }

    test('nested lists, numbers and bigints', () => {
      const [image, fixed, label] = feeding().run(goodFeed)
      expect(numbers(image)).toEqual([[1, 0, 3, 0]])
      expect(numbers(fixed)).toEqual([
        [1, 0, 0],
        [2, 0, 0],
      ])
      expect(numbers(label)).toEqual([[7]])
      expect(numbers(feeding().run({ ...goodFeed, label: [[7]] })[2])).toEqual([[7]])
    })

    test('E110: every fault in one error — missing, surplus with the nearest name, element type, shape, element count', () => {
      const { run, executor } = feeding()
      const error = failure(() =>
        run({ imagee: [[1, 2, 3, 4]], label: tensor([[1]], 'int32'), fixed: new Float64Array(5) }),
      )
      expect(error.code).toBe('E110')
      expect(error.category).toBe('InvalidArgument')
      expect(error.expected).toEqual({
        imagee: null,
        label: 'int64 [-1, 1]',
        fixed: 'float64 [2, 3]',
        image: 'float32 [-1, 4]',
      })
      expect(error.got).toEqual({
        imagee: 'is not a variable of the program',
        label: 'int32',
        fixed: '5 elements',
        image: 'is missing',
      })
      expect(error.hint).toBe('did you mean "image"?')
      expect(error.summary.split('\n')).toHaveLength(5)
      expect(executor.scope.names()).toEqual([])
      expectGoodRun(executor)
    })

    test.each<[string, Record<string, unknown>, string, RegExp]>([
      ['a name differing by case', { Image: [[1, 2, 3, 4]] }, 'Image', /not a variable/],
      [
        'float64 for float32',
        { image: new Float64Array(4) },
        'image',
        /wrong element type.*float32 \[-1, 4\].*float64/,
      ],
      ['int32 for float32', { image: new Int32Array(4) }, 'image', /wrong element type/],
      ['BigInt64Array for float32', { image: new BigInt64Array(4) }, 'image', /wrong element type/],
      ['a wrong rank', { image: [1, 2, 3, 4] }, 'image', /wrong shape.*\[-1, 4\].*\[4\]/],
      ['a wrong dimension', { image: [[1, 2, 3]] }, 'image', /wrong shape.*\[-1, 4\].*\[1, 3\]/],
      ['a wrong fixed dimension', { fixed: [[1, 2, 3]] }, 'fixed', /wrong shape.*\[2, 3\].*\[1, 3\]/],
      ['a wrong number of elements', { image: new Float32Array(6) }, 'image', /number of elements.*6 elements/],
      [
        'ragged lists',
        {
          image: [
            [1, 2, 3, 4],
            [1, 2],
          ],
        },
        'image',
        /differ in length/,
      ],
      ['text', { image: 'x' }, 'image', /no tensor, list or number/],
      ['null', { image: null }, 'image', /no tensor, list or number/],
      ['undefined', { image: undefined }, 'image', /no tensor, list or number/],
      ['a function', { image: () => 1 }, 'image', /no tensor, list or number/],
      ['text in a list', { image: [['a', 'b', 'c', 'd']] }, 'image', /cannot hold/],
      ['a fraction as int64', { label: [[1.5]] }, 'label', /cannot hold 1\.5/],
      ['an int64 that a number cannot tell', { label: [[2 ** 60]] }, 'label', /cannot hold/],
      ['a bigint beyond 64 bits', { label: [[2n ** 63n]] }, 'label', /cannot hold/],
      ['an object', { image: { data: [1] } }, 'image', /./],
      ['a DataView', { image: new DataView(new ArrayBuffer(16)) }, 'image', /./],
      ['a Uint32Array', { image: new Uint32Array(4) }, 'image', /./],
    ])('E110 for %s', (_, change, name, pattern) => {
      const { run, executor } = feeding()
      const feed = Object.hasOwn(goodFeed, name) ? { ...goodFeed, ...change } : { ...goodFeed, ...change }
      const error = failure(() => run(feed))
      expect(error.code).toBe('E110')
      expect(error.where?.variable).toBe(name)
      expect(error.summary).toMatch(pattern)
      expect(error.message.length).toBeLessThan(400)
      expect(executor.scope.names()).toEqual([])
      expectGoodRun(executor)
    })

    test('a parameter cannot be fed; Scope.set is named', () => {
      const { main, startup, y } = linear()
      const executor = make()
      executor.run(startup)
      const error = failure(() => executor.run(main, { feed: { x: [[1, 1]], 'fc_0.b_0': [5] }, fetch: [y] }))
      expect(error.code).toBe('E110')
      expect(error.summary).toContain('Scope.set')
      expect(numbers(executor.scope.get('fc_0.b_0'))).toEqual([1])
    })

    test('typed arrays fill the dimensions that are not known', () => {
      const [image, , label] = feeding().run({
        image: new Float32Array([1, -2, 3, -4, 5, -6, 7, -8]),
        label: new BigInt64Array([1n, 2n]),
        fixed: new Float64Array(6),
      })
      expect((image as Tensor).shape).toEqual([2, 4])
      expect(numbers(image)).toEqual([
        [1, 0, 3, 0],
        [5, 0, 7, 0],
      ])
      expect(numbers(label)).toEqual([[1], [2]])
    })

    test('typed arrays at odd addresses, over shared memory, subclasses and Node buffers are copied', () => {
      const bytes = Buffer.alloc(64)
      const misaligned = bytes.subarray(1, 17)
      for (let i = 0; i < 4; i++) misaligned.writeFloatLE([1, -2, 3, -4][i]!, i * 4)
      const aligned = new Float32Array(new Uint8Array(misaligned).buffer)
      const shared = new Float32Array(new SharedArrayBuffer(24), 4, 4)
      shared.set([1, -2, 3, -4])
      class Lying extends Float32Array {
        override get length(): number {
          return 1_000_000
        }
      }
      for (const image of [aligned, shared, new Float32Array([9, 1, -2, 3, -4]).subarray(1)]) {
        const got = feeding().run({ ...goodFeed, image })[0] as Tensor
        expect(numbers(got)).toEqual([[1, 0, 3, 0]])
        expect(got.data.buffer).toBeInstanceOf(ArrayBuffer)
      }
      const error = failure(() => feeding().run({ ...goodFeed, image: new Lying([1, 2, 3, 4]) }))
      expect(error).toBeInstanceOf(EnforceError)
    })

    test('E110 for an array whose memory was transferred away, bare or in a tensor', () => {
      const image = new Float32Array([1, 2, 3, 4])
      const value = tensor([[1, 2, 3, 4]])
      structuredClone([image.buffer, value.data.buffer], { transfer: [image.buffer, value.data.buffer as ArrayBuffer] })
      expect(image.length).toBe(0)
      for (const lost of [image, value]) {
        const { run, executor } = feeding()
        const error = failure(() => run({ ...goodFeed, image: lost }))
        expect(error.code).toBe('E110')
        expect(error.where?.variable).toBe('image')
        expectGoodRun(executor)
      }
    })

    test('a batch of 0, NaN and infinities run', () => {
      const { run } = feeding()
      expect(
        (run({ ...goodFeed, image: new Float32Array(0), label: new BigInt64Array(0) })[0] as Tensor).shape,
      ).toEqual([0, 4])
      const { program, executor } = feeding()
      const image = [[Number.NaN, Infinity, -Infinity, -0]]
      const [odd] = executor.run(program, { feed: { ...goodFeed, image }, fetch: ['image'] })
      expect(numbers(odd)).toEqual(image)
    })

    test('feeds are copied in: changing the array afterwards changes nothing, and the run changes no feed', () => {
      const { main, startup, y } = linear()
      const executor = make()
      executor.run(startup)
      const data = new Float32Array([1, 1])
      const value = tensor([[1, 1]])
      const [first] = executor.run(main, { feed: { x: data }, fetch: [y] })
      data.fill(50)
      expect(numbers(first)).toEqual([[6]])
      executor.run(main, { feed: { x: value }, fetch: [y] })
      expect(numbers(value)).toEqual([[1, 1]])
      // In place over the feed.
      const program = new Program()
      const block = program.globalBlock()
      block.createVar({ name: 'x', dtype: 'float32', shape: [2], needCheckFeed: true })
      block.appendOp({ type: 'scale', inputs: { X: 'x' }, outputs: { Out: 'x' }, attrs: { scale: 10 } })
      const fed = tensor([1, 2])
      expect(numbers(executor.run(program, { feed: { x: fed }, fetch: ['x'] })[0])).toEqual([10, 20])
      expect(numbers(fed)).toEqual([1, 2])
      expect(numbers(executor.run(program, { feed: { x: fed }, fetch: ['x'] })[0])).toEqual([10, 20])
    })

    test('a feed that a variable of the scope stands for may be left out', () => {
      const { main, startup, y } = linear()
      const executor = make()
      executor.run(startup)
      executor.scope.set('x', tensor([[2, 2]]))
      expect(numbers(executor.run(main, { fetch: [y] })[0])).toEqual([[11]])
      expect(numbers(executor.run(main, { feed: { x: [[1, 1]] }, fetch: [y] })[0])).toEqual([[6]])
      expect(numbers(executor.scope.get('x'))).toEqual([[2, 2]])
    })

    test('names of Object.prototype in a feed are unknown names', () => {
      const { run } = feeding()
      const error = failure(() => run(JSON.parse('{"__proto__": [[1]], "constructor": 1}')))
      expect(error.code).toBe('E110')
      expect({}.constructor).toBe(Object)
    })
  })

  describe('fetches', () => {
    function ready(): { executor: Executor } & ReturnType<typeof linear> {
      const all = linear()
      const executor = make()
      executor.run(all.startup)
      return { executor, ...all }
    }
    const feed = {
      x: [
        [1, 1],
        [0, 2],
      ],
    }

    test('any variable: fed, persistable, intermediate, 0-D, twice, in the order asked for', () => {
      const { executor, main, x, y, loss } = ready()
      const fetch = [loss, 'fc_0.w_0', x, 'fc_0.tmp_0', y, loss]
      const got = executor.run(main, { feed, fetch }).map(numbers)
      expect(got).toEqual([
        6.5,
        [[2], [3]],
        [
          [1, 1],
          [0, 2],
        ],
        [[5], [6]],
        [[6], [7]],
        6.5,
      ])
      expect(executor.run(main, { feed, fetch: [...fetch].reverse() }).map(numbers)).toEqual([...got].reverse())
      expect(executor.run(main, { feed })).toEqual([])
    })

    test('an intermediate whose memory others may take is right however many others are fetched', () => {
      const { main, startup } = build(() => {
        let h = input('x', [null, 8])
        for (let i = 0; i < 12; i++) h = nn.functional.relu(h.add(1))
        return h
      })
      const executor = make()
      executor.run(startup)
      const names = [...main.globalBlock().vars.keys()]
      const given = { x: [[0, 1, 2, 3, 4, 5, 6, 7]] }
      const all = executor.run(main, { feed: given, fetch: names }).map(numbers)
      names.forEach((name, i) => {
        expect(numbers(executor.run(main, { feed: given, fetch: [name] })[0]), name).toEqual(all[i])
      })
      // x is raised by 1 twelve times.
      expect(all.at(-1)).toEqual([[12, 13, 14, 15, 16, 17, 18, 19]])
    })

    test('E120: an unknown name, with the nearest ones, before anything runs', () => {
      const { executor, main } = ready()
      executor.scope.delete('fc_0.b_0')
      const error = failure(() => executor.run(main, { feed, fetch: ['fc_0.tmp_9'] }))
      expect(error.code).toBe('E120')
      expect(error.category).toBe('NotFound')
      expect(error.got).toBe('fc_0.tmp_9')
      expect(error.hint).toContain('"fc_0.tmp_0"')
      expectGoodRun(executor)
    })

    test('E121: a variable that no operator writes', () => {
      const { executor, main } = ready()
      main.globalBlock().createVar({ name: 'unwritten', shape: [1] })
      const error = failure(() => executor.run(main, { feed, fetch: ['unwritten'] }))
      expect(error.code).toBe('E121')
      expect(error.where?.variable).toBe('unwritten')
      expectGoodRun(executor)
    })

    test('a value of the scope that the program does not know can be fetched', () => {
      const { executor, main } = ready()
      executor.scope.set('mine', tensor([4]))
      expect(numbers(executor.run(main, { feed, fetch: ['mine'] })[0])).toEqual([4])
    })

    test('fetches are copies: editing them changes neither the scope nor the next run', () => {
      const { executor, main, y } = ready()
      const [first, weight] = executor.run(main, { feed, fetch: [y, 'fc_0.w_0'] }) as Tensor[]
      expect(first!.data.buffer).toBeInstanceOf(ArrayBuffer)
      zero(first!)
      zero(weight!)
      expect(numbers(executor.scope.get('fc_0.w_0'))).toEqual([[2], [3]])
      expect(executor.run(main, { feed, fetch: [y, 'fc_0.w_0'] }).map(numbers)).toEqual([
        [[6], [7]],
        [[2], [3]],
      ])
    })

    test('two fetches of one variable do not share their elements', () => {
      const { executor, main, y } = ready()
      const [a, b] = executor.run(main, { feed, fetch: [y, y] }) as Tensor[]
      zero(a!)
      expect(numbers(b)).toEqual([[6], [7]])
    })
  })

  describe('a run that fails', () => {
    /** Writes `before`, then fails in a kernel for a label out of range, then writes `after`. */
    function failing(): Program {
      const program = new Program()
      const block = program.globalBlock()
      block.createVar({ name: 'p', dtype: 'float32', shape: [1, 3], needCheckFeed: true })
      block.createVar({ name: 'label', dtype: 'int64', shape: [1, 1], needCheckFeed: true })
      for (const name of ['before', 'after']) {
        block.createVar({ name, persistable: true })
      }
      block.createVar({ name: 'loss' })
      block.appendOp({ type: 'fill_constant', outputs: { Out: 'before' }, attrs: { shape: [2], value: 1 } })
      block.appendOp({ type: 'cross_entropy', inputs: { X: 'p', Label: 'label' }, outputs: { Y: 'loss' } })
      block.appendOp({ type: 'fill_constant', outputs: { Out: 'after' }, attrs: { shape: [2], value: 2 } })
      return program
    }

    test('names block, operator and text, keeps what was written before, and gives nothing to what was not reached', () => {
      const executor = make()
      const program = failing()
      const p = [[0.25, 0.5, 0.25]]
      const error = failure(() => executor.run(program, { feed: { p, label: [[3]] }, fetch: ['loss'] }))
      expect(error.where).toMatchObject({ block: 0, op: 1, opType: 'cross_entropy' })
      expect(error.where?.text).toContain('cross_entropy(')
      expect(numbers(executor.scope.get('before'))).toEqual([1, 1])
      expect(executor.scope.has('after')).toBe(false)
      const [loss] = executor.run(program, { feed: { p, label: [[1]] }, fetch: ['loss'] })
      expect((loss as Tensor).item()).toBeCloseTo(-Math.log(0.5), 6)
      expect(numbers(executor.scope.get('after'))).toEqual([2, 2])
      const again = failure(() => executor.run(program, { feed: { p, label: [[-7]] }, fetch: ['loss'] }))
      expect(again.code).toBe(error.code)
      expect(numbers(executor.scope.get('after'))).toEqual([2, 2])
      expectGoodRun(executor)
    })

    test('an operator that has no kernel for its element types leaves no variable behind either', () => {
      const program = new Program()
      const block = program.globalBlock()
      block.createVar({ name: 'x', dtype: 'complex64', shape: [1], needCheckFeed: true })
      block.createVar({ name: 'made', persistable: true })
      block.createVar({ name: 'y' })
      block.appendOp({ type: 'fill_constant', outputs: { Out: 'made' }, attrs: { shape: [1], value: 1 } })
      block.appendOp({ type: 'mean_grad', inputs: { X: 'x', 'Out@GRAD': 'made' }, outputs: { 'X@GRAD': 'y' } })
      const executor = make()
      const feed = { x: new Tensor('complex64', [1], new Float32Array(2)) }
      const error = failure(() => executor.run(program, { feed, fetch: ['y'] }))
      expect(error.where).toMatchObject({ block: 0, op: 1 })
      const made = executor.scope.get('made')
      if (made !== undefined) expect(numbers(made)).toEqual([1])
      expectGoodRun(executor)
    })
  })

  test('a batch of 0 goes through a whole network, and the mean of nothing is NaN', () => {
    const { main, startup, loss, y } = linear()
    const executor = make()
    executor.run(startup)
    const [empty, mean] = executor.run(main, { feed: { x: new Float32Array(0) }, fetch: [y, loss] }) as Tensor[]
    expect(empty!.shape).toEqual([0, 1])
    expect(mean!.item()).toBeNaN()
    expectGoodRun(executor)
  })

  test('two programs share a scope; two executors do not', () => {
    const scope = new Scope()
    const { main, startup, y } = linear()
    new Executor({ engine, scope }).run(startup)
    expect(numbers(new Executor({ engine, scope }).run(main, { feed: { x: [[1, 1]] }, fetch: [y] })[0])).toEqual([[6]])
    expect(failure(() => make().run(main, { feed: { x: [[1, 1]] } })).code).toBe('E101')
  })

  test('a seed of its own makes an executor repeat itself, whatever others draw', () => {
    const { startup } = build(() => nn.functional.fc(input('x', [null, 4]), 3))
    const draw = (): unknown => {
      const executor = new Executor({ engine, seed: 5 })
      executor.run(startup)
      return numbers(executor.scope.get('fc_0.w_0'))
    }
    const first = draw()
    make().run(startup)
    expect(draw()).toEqual(first)
  })
})

test('a number of threads that is none is refused', () => {
  for (const threads of [0, -1, 1.5, Number.NaN]) {
    expect(failure(() => new Executor({ threads })).code).toBe('E108')
  }
})

test('thousands of executors that nobody disposes of do not use up the memory of the process', {
  timeout: 120_000,
}, () => {
  for (let i = 0; i < 3000; i++) {
    const executor = new Executor()
    executor.scope.set('x', tensor([i]))
    expect((executor.scope.get('x') as Tensor).item()).toBe(i)
  }
})

test('using declares the end of an executor', () => {
  let kept: Executor
  {
    using executor = new Executor()
    executor.scope.set('x', tensor([1]))
    kept = executor
  }
  expect(failure(() => kept.run(new Program())).code).toBe('E105')
})

test('a startup program is interpreted, its fills and draws not compiled, and what it sets has the bits of a plan', () => {
  const { startup } = build(() => {
    nn.functional.fc(input('x', [null, 3]), 400)
  })
  // A function whose last bit depends on the back end: it must be computed by that of the executor.
  const block = startup.globalBlock()
  block.createVar({ name: 'derived', persistable: true })
  block.appendOp({ type: 'exp', inputs: { X: 'fc_0.w_0' }, outputs: { Out: 'derived' } })
  const run = (program: typeof startup): { executor: Executor; values: unknown } => {
    const executor = new Executor({ seed: 7 })
    executor.run(program)
    return { executor, values: executor.scope.names().map((name) => executor.scope.get(name)!.toJSON()) }
  }
  const started = run(startup)
  expect(started.executor.lastRun).toMatchObject({
    engine: 'interpreter',
    backend: 'wasm',
    compiledOps: 1,
    reason: 'a startup program runs once',
  })
  const planned = startup.clone()
  planned.isStartup = false
  const again = run(planned)
  expect(again.executor.lastRun).toMatchObject({ engine: 'plan', backend: 'wasm' })
  expect(again.values).toEqual(started.values)
})
