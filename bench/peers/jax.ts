/** jax-js on its WebAssembly back end, everything under `jit`. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// Node 20 has no `navigator`, which the library asks for.
if (!('navigator' in globalThis)) Object.assign(globalThis, { navigator: {} })

import * as jax from '@jax-js/jax'
import { type Prepared, serve, type Works } from '../contenders/protocol.ts'
import { ADAM_PARAMETERS, GEMM_SIZES, LEARNING_RATE, MLPS, mlp, randomNumbers } from '../inputs.ts'

const { numpy: np } = jax
await jax.init('wasm')
jax.defaultDevice('wasm')

type Values = Record<string, jax.Array>
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8]

async function gemm(n: number): Promise<Prepared> {
  const a = np.array(randomNumbers(n * n, 1)).reshape([n, n])
  const b = np.array(randomNumbers(n * n, 2)).reshape([n, n])
  const product = jax.jit((x: jax.Array, y: jax.Array) => np.matmul(x, y))
  const call = async (): Promise<void> => {
    const c = product(a.ref, b.ref)
    await c.blockUntilReady()
    c.dispose()
  }
  const check = (await product(a.ref, b.ref).data())[n + 1]!
  return { call, check }
}

/** One parameter with its moments after a step; rate holds the bias correction. */
function adam(p: jax.Array, g: jax.Array, m: jax.Array, v: jax.Array, rate: jax.Array): jax.Array[] {
  const m1 = m.mul(BETA1).add(g.ref.mul(1 - BETA1))
  const v1 = v.mul(BETA2).add(g.ref.mul(g).mul(1 - BETA2))
  const update = m1.ref.div(np.sqrt(v1.ref).add(EPSILON)).mul(rate)
  return [p.sub(update), m1, v1]
}

const rateOf = (step: number): number => (LEARNING_RATE * Math.sqrt(1 - BETA2 ** step)) / (1 - BETA1 ** step)

async function mlpStep(name: string): Promise<Prepared> {
  const { batch, features, hidden, classes, x, labels, w1, w2 } = mlp(name)
  const lossOf = (p: Values, images: jax.Array, targets: jax.Array): jax.Array => {
    const h = jax.nn.relu(np.matmul(images, p.w1!).add(p.b1!))
    const logits = np.matmul(h, p.w2!).add(p.b2!)
    return np.sum(jax.nn.logSoftmax(logits).mul(targets)).mul(-1 / batch)
  }
  const step = jax.jit((p: Values, m: Values, v: Values, images: jax.Array, targets: jax.Array, rate: jax.Array) => {
    const names = ['w1', 'b1', 'w2', 'b2']
    const copies = Object.fromEntries(names.map((key) => [key, p[key]!.ref]))
    const [loss, grads] = jax.valueAndGrad(lossOf)(copies, images, targets) as unknown as [jax.Array, Values]
    const next = names.map((key) => adam(p[key]!, grads[key]!, m[key]!, v[key]!, rate.ref))
    rate.dispose()
    const pick = (i: number): Values => Object.fromEntries(names.map((key, k) => [key, next[k]![i]!]))
    return { loss, p: pick(0), m: pick(1), v: pick(2) }
  })
  const zeros = (): Values => ({
    w1: np.zeros([features, hidden]),
    b1: np.zeros([hidden]),
    w2: np.zeros([hidden, classes]),
    b2: np.zeros([classes]),
  })
  let p: Values = {
    ...zeros(),
    w1: np.array(w1).reshape([features, hidden]),
    w2: np.array(w2).reshape([hidden, classes]),
  }
  let m = zeros()
  let v = zeros()
  let count = 0
  const oneHot = new Float32Array(batch * classes)
  for (const [row, label] of labels.entries()) oneHot[row * classes + label] = 1
  const call = async (): Promise<number> => {
    const images = np.array(x).reshape([batch, features])
    const targets = np.array(oneHot).reshape([batch, classes])
    const result = step(p, m, v, images, targets, np.array(rateOf(++count)))
    ;({ p, m, v } = result as { p: Values; m: Values; v: Values })
    return (await (result as { loss: jax.Array }).loss.data())[0]!
  }
  return { call, check: await call() }
}

async function adamUpdate(): Promise<Prepared> {
  const step = jax.jit(adam)
  let [p, m, v] = [
    np.array(randomNumbers(ADAM_PARAMETERS, 1)),
    np.zeros([ADAM_PARAMETERS]),
    np.zeros([ADAM_PARAMETERS]),
  ]
  const g = np.array(randomNumbers(ADAM_PARAMETERS, 1))
  let count = 0
  const call = async (): Promise<void> => {
    ;[p, m, v] = step(p, g.ref, m, v, np.array(rateOf(++count))) as [jax.Array, jax.Array, jax.Array]
    await jax.blockUntilReady([p, m, v])
  }
  await call()
  return { call, check: (await p.ref.data())[0]! }
}

const works: Works = {
  ...Object.fromEntries(GEMM_SIZES.map((n) => [`gemm-${n}`, () => gemm(n)])),
  ...Object.fromEntries(Object.keys(MLPS).map((name) => [name, () => mlpStep(name)])),
  'adam-10m': adamUpdate,
}
const manifest = createRequire(import.meta.url)
  .resolve('@jax-js/jax')
  .replace(/dist.*$/, 'package.json')
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
await serve(`jax-js ${version}, wasm, Node ${process.version}`, works)
