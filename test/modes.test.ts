/**
 * Both modes through one door: the same model gives the same losses, gradients and parameters, bit for bit, in a static program and in
 * dygraph; and what goes wrong in dygraph, or between the modes, is said by name.
 */
import { describe, expect, test } from 'vitest'
import {
  build,
  callOp,
  EnforceError,
  Executor,
  input,
  nn,
  noGrad,
  ops,
  optimizer,
  ParameterTensor,
  seed,
  type Tensor,
  tensor,
  type Variable,
} from '../src/index.ts'

const bits = (value: Tensor): string =>
  Buffer.from(value.data.buffer, value.data.byteOffset, value.data.byteLength).toString('hex')

/** A batch from a small linear congruential generator, so that the numbers belong to this file. */
function batch(step: number, rows: number, features: number, classes: number): { x: Float32Array; y: BigInt64Array } {
  let state = 12345 + step
  const next = (): number => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state / 2147483648
  }
  return {
    x: Float32Array.from({ length: rows * features }, () => next() * 2 - 1),
    y: BigInt64Array.from({ length: rows }, () => BigInt(Math.floor(next() * classes))),
  }
}

class Mlp extends nn.Layer {
  readonly first = new nn.Linear(6, 5)
  readonly second = new nn.Linear(5, 3)

  override forward<V extends Variable | Tensor>(x: V): V {
    return this.second.forward(nn.functional.tanh(this.first.forward(x)))
  }
}

const lossOf = <V extends Variable | Tensor>(model: nn.Layer, x: V, y: V): V =>
  nn.functional.mean(nn.functional.softmaxWithCrossEntropy(model.forward(x), y))

function catchError(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

type MakeOptimizer = (parameters: readonly ParameterTensor[]) => optimizer.Optimizer

const OPTIMIZERS: Readonly<Record<string, MakeOptimizer>> = {
  Adam: (parameters) => new optimizer.Adam({ learningRate: 0.01, parameters }),
  'Adam with L2 and global norm': (parameters) =>
    new optimizer.Adam({ learningRate: 0.02, parameters, weightDecay: 0.01, gradClip: nn.ClipGradByGlobalNorm(0.05) }),
  'Adam with L1': (parameters) =>
    new optimizer.Adam({ learningRate: 0.02, beta1: 0.8, parameters, weightDecay: optimizer.L1Decay(0.003) }),
  SGD: (parameters) => new optimizer.SGD({ learningRate: 0.1, parameters }),
  'SGD with values clipped': (parameters) =>
    new optimizer.SGD({ learningRate: 0.1, parameters, gradClip: nn.ClipGradByValue(0.01) }),
}

describe('the same model in both modes', () => {
  test.each(Object.keys(OPTIMIZERS))('%s: losses and parameters are bit-equal over 8 steps', (name) => {
    const make = OPTIMIZERS[name]!
    seed(7)
    const model = new Mlp()
    const eager = make(model.parameters())
    const { main, startup, out } = build(() => {
      const x = input('x', [null, 6])
      const y = input('y', [null, 1], 'int64')
      const loss = lossOf(model, x, y)
      make([]).minimize(loss)
      return { loss }
    })
    const executor = new Executor()
    executor.run(startup)
    const names = model.parameters().map((param) => param.name)
    for (const param of model.parameters()) expect(bits(executor.scope.get(param.name) as Tensor)).toBe(bits(param))
    const losses = new Set<number>()
    for (let step = 0; step < 8; step++) {
      const { x, y } = batch(step, 4, 6, 3)
      const eagerLoss = lossOf(model, tensor(x, 'float32', [4, 6]), tensor(y, 'int64', [4, 1]))
      eagerLoss.backward()
      const gradients = names.map((_, i) => bits(model.parameters()[i]!.grad!))
      const [staticLoss, ...staticGradients] = executor.run(main, {
        feed: { x, y },
        fetch: [out.loss, ...names.map((parameter) => `${parameter}@GRAD`)],
      }) as Tensor[]
      expect(executor.lastRun?.engine).toBe('plan')
      expect(bits(eagerLoss)).toBe(bits(staticLoss!))
      if (name === 'Adam' || name === 'SGD') expect(gradients).toEqual(staticGradients.map(bits))
      eager.step()
      eager.clearGrad()
      losses.add(eagerLoss.item() as number)
      for (const param of model.parameters()) expect(bits(param)).toBe(bits(executor.scope.get(param.name) as Tensor))
    }
    expect(losses.size).toBe(8)
  })

  test('the initial values of a layer made in dygraph are those that startup gives for the same seed', () => {
    seed(99)
    const layer = new nn.Linear(4, 3)
    const { startup, out } = build(() => new nn.Linear(4, 3))
    const executor = new Executor({ seed: 99 })
    executor.run(startup)
    expect(bits(executor.scope.get((out.weight as unknown as Variable).name) as Tensor)).toBe(
      bits(layer.weight as Tensor),
    )
  })

  test('a function on either value runs in both', () => {
    const mse = <V extends Variable | Tensor>(p: V, t: V): V =>
      (p as Tensor)
        .sub(t as Tensor)
        .square()
        .mean() as V
    const now = mse(tensor([1, 2, 4]), tensor([1, 1, 1]))
    const { main, out } = build(() => mse(input('p', [3]), input('t', [3])))
    const [later] = new Executor().run(main, { feed: { p: [1, 2, 4], t: [1, 1, 1] }, fetch: [out] }) as [Tensor]
    expect(bits(now)).toBe(bits(later))
    expect(now.item()).toBeCloseTo(10 / 3, 6)
  })
})

describe('the tape', () => {
  const parameter = (values: number[]): Tensor => {
    const value = tensor(values)
    value.stopGradient = false
    return value
  }

  test('a tensor used twice gets both gradients: d(x * x + 3 x) = 2 x + 3', () => {
    const x = parameter([2, -1])
    x.mul(x).add(x.mul(3)).sum().backward()
    expect(x.grad!.toArray()).toEqual([7, 1])
  })

  test('gradients of two backward calls add up until they are cleared', () => {
    const x = parameter([1, 2])
    x.square().sum().backward()
    x.square().sum().backward()
    expect(x.grad!.toArray()).toEqual([4, 8])
    x.clearGrad()
    expect(x.grad).toBeNull()
  })

  test('a loop of changing length: d(x^n)/dx = n x^(n-1)', () => {
    for (const n of [1, 2, 5]) {
      const x = parameter([3])
      let power = x.mul(1)
      for (let i = 1; i < n; i++) power = power.mul(x)
      power.sum().backward()
      expect(x.grad!.toArray()).toEqual([n * 3 ** (n - 1)])
    }
  })

  test('an unused parameter keeps no gradient, and a step leaves it alone', () => {
    seed(1)
    const used = new nn.Linear(2, 1)
    const unused = new nn.Linear(2, 1)
    const before = bits(unused.weight as Tensor)
    const usedBefore = bits(used.weight as Tensor)
    const opt = new optimizer.Adam({ parameters: [...used.parameters(), ...unused.parameters()] })
    used
      .forward(tensor([[1, 2]]))
      .mean()
      .backward()
    opt.step()
    expect((unused.weight as Tensor).grad).toBeNull()
    expect(bits(unused.weight as Tensor)).toBe(before)
    expect(bits(used.weight as Tensor)).not.toBe(usedBefore)
  })

  test('the gradient does not flow into a tensor that stops it', () => {
    const x = parameter([1, 2])
    const constant = tensor([3, 4])
    x.mul(constant).sum().backward()
    expect(x.grad!.toArray()).toEqual([3, 4])
    expect(constant.grad).toBeNull()
  })

  test('noGrad writes nothing down', () => {
    const x = parameter([1, 2])
    const y = noGrad(() => x.square().sum())
    expect(y.stopGradient).toBe(true)
    expect(catchError(() => y.backward())).toMatchObject({ code: 'E301', category: 'InvalidArgument' })
  })

  test('a loss of more than one element is refused with its shape', () => {
    const x = parameter([1, 2])
    expect(catchError(() => x.square().backward())).toMatchObject({ code: 'E301', got: [2] })
  })

  test('with a gradient given, a loss may have any shape', () => {
    const x = parameter([1, 2])
    x.square().backward(tensor([10, 100]))
    expect(x.grad!.toArray()).toEqual([20, 400])
    expect(catchError(() => x.square().backward(tensor([1])))).toMatchObject({ code: 'E303' })
  })

  test('backward twice over one history is refused, unless the graph is retained', () => {
    const x = parameter([3])
    const loss = x.square().sum()
    loss.backward(undefined, { retainGraph: true })
    loss.backward()
    expect(x.grad!.toArray()).toEqual([12])
    expect(catchError(() => loss.backward())).toMatchObject({ code: 'E046', category: 'PreconditionNotMet' })
  })

  test('a value that was changed in place after the forward call is noticed', () => {
    const x = parameter([3])
    const opt = new optimizer.SGD({
      learningRate: 1,
      parameters: [new ParameterTensor('w', 'float32', [1], new Float32Array([2]), tensor([0]).engine!)],
    })
    const w = opt.parameters[0]!
    const loss = x.mul(w).sum()
    w.square().sum().backward()
    opt.step()
    const error = catchError(() => loss.backward())
    expect(error).toMatchObject({ code: 'E045', category: 'PreconditionNotMet' })
    expect(error.summary).toContain('elementwise_mul')
  })

  test('step without parameters says what to pass', () => {
    expect(catchError(() => new optimizer.SGD().step())).toMatchObject({ code: 'E313' })
  })

  test('a tensor that came out of a run is plain data until it is wrapped', () => {
    const { main, out } = build(() => input('x', [2]).square())
    const [value] = new Executor().run(main, { feed: { x: [1, 2] }, fetch: [out] }) as [Tensor]
    expect(catchError(() => value.square())).toMatchObject({ code: 'E044' })
    expect(tensor(value).square().toArray()).toEqual([1, 16])
  })
})

describe('between the modes', () => {
  test('reading a value inside build is refused, with the place where the variable was made and where it is read', () => {
    const error = catchError(() => build(() => input('x', [2]).square().mean().item()))
    expect(error).toMatchObject({ code: 'E042', category: 'PreconditionNotMet', where: { variable: 'mean_0.tmp_0' } })
    expect(error.where!.site).toContain('modes.test.ts')
    expect(error.message).toContain('read at')
  })

  test('a tensor inside build is refused', () => {
    expect(catchError(() => build(() => callOp(ops.relu, { X: tensor([1]) }, {})))).toMatchObject({ code: 'E040' })
  })

  test('a variable outside of build is refused with its name and call site', () => {
    const { out } = build(() => input('x', [2]).square())
    const error = catchError(() => callOp(ops.relu, { X: out }, {}))
    expect(error).toMatchObject({ code: 'E040', where: { variable: 'square_0.tmp_0' } })
    expect(error.where!.site).toContain('modes.test.ts')
  })

  test('an asynchronous callback is refused, and the next build works', () => {
    expect(catchError(() => build((async () => 1) as never))).toMatchObject({ code: 'E041' })
    expect(build(() => input('x', [1])).main.globalBlock().vars.size).toBe(1)
  })

  test('input and layers outside of build name the way in', () => {
    expect(catchError(() => input('x', [1]))).toMatchObject({ code: 'E040' })
  })
})
