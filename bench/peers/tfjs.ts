/**
 * TensorFlow.js on its `cpu` or `wasm` back end.
 *
 *   tsx bench/peers/tfjs.ts [--backend wasm]
 */
import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import { parseArgs } from 'node:util'
import type * as Core from '@tensorflow/tfjs'
import type * as Wasm from '@tensorflow/tfjs-backend-wasm'
import { type Prepared, serve, type Works } from '../contenders/protocol.ts'
import { ADAM_PARAMETERS, GEMM_SIZES, LEARNING_RATE, MLPS, mlp, randomNumbers } from '../inputs.ts'

const { values: flags } = parseArgs({ options: { backend: { type: 'string', default: 'wasm' } } })
// Its ES modules import folders, which Node refuses; the CommonJS builds load.
const require = createRequire(import.meta.url)
const tf = require('@tensorflow/tfjs') as typeof Core
const wasm = require('@tensorflow/tfjs-backend-wasm') as typeof Wasm
wasm.setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep)
await tf.setBackend(flags.backend)
await tf.ready()
if (tf.getBackend() !== flags.backend) throw new Error(`the back end is ${tf.getBackend()}`)

function gemm(n: number): Prepared {
  const a = tf.tensor2d(randomNumbers(n * n, 1), [n, n])
  const b = tf.tensor2d(randomNumbers(n * n, 2), [n, n])
  const product = tf.matMul(a, b)
  return {
    check: product.dataSync()[n + 1]!,
    call: () => {
      tf.matMul(a, b).dispose()
    },
    drop: () => tf.dispose([a, b, product]),
  }
}

function mlpStep(name: string): Prepared {
  const { batch, features, hidden, classes, x, labels, w1, w2 } = mlp(name)
  const parameters = [
    tf.variable(tf.tensor2d(w1, [features, hidden])),
    tf.variable(tf.zeros([hidden])),
    tf.variable(tf.tensor2d(w2, [hidden, classes])),
    tf.variable(tf.zeros([classes])),
  ]
  const [weight1, bias1, weight2, bias2] = parameters as [Core.Tensor2D, Core.Tensor1D, Core.Tensor2D, Core.Tensor1D]
  const adam = tf.train.adam(LEARNING_RATE)
  const call = (): number =>
    tf.tidy(() => {
      const images = tf.tensor2d(x, [batch, features])
      const targets = tf.oneHot(tf.tensor1d(labels, 'int32'), classes)
      const loss = adam.minimize(
        () => {
          const h = tf.relu(tf.add(tf.matMul(images, weight1), bias1))
          const logits = tf.add(tf.matMul(h, weight2), bias2)
          return tf.neg(tf.mean(tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1))) as Core.Scalar
        },
        true,
        parameters as Core.Variable[],
      )!
      return loss.dataSync()[0]!
    })
  return { call, check: call(), drop: () => tf.dispose(parameters) }
}

function adamUpdate(): Prepared {
  const p = tf.variable(tf.tensor1d(randomNumbers(ADAM_PARAMETERS, 1)))
  const g = tf.tensor1d(randomNumbers(ADAM_PARAMETERS, 1))
  const adam = tf.train.adam(LEARNING_RATE)
  const call = (): void => adam.applyGradients({ [p.name]: g })
  call()
  return { call, check: p.dataSync()[0]!, drop: () => tf.dispose([p, g]) }
}

const works: Works = {
  ...Object.fromEntries(GEMM_SIZES.map((n) => [`gemm-${n}`, () => gemm(n)])),
  ...Object.fromEntries(Object.keys(MLPS).map((name) => [name, () => mlpStep(name)])),
  'adam-10m': adamUpdate,
}
await serve(`TensorFlow.js ${tf.version.tfjs}, ${flags.backend}, Node ${process.version}`, works)
