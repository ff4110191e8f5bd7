/**
 * ONNX Runtime: `web` is its WebAssembly build, `node` its native one. It only infers, so it has no training steps.
 *
 *   tsx bench/peers/onnxruntime.ts [--build web|node] [--threads 1]
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import type { InferenceSession } from 'onnxruntime-common'
import { type Prepared, serve, type Works } from '../contenders/protocol.ts'
import { directionLine, expectClose, GEMM_SIZES, IMAGE, randomNumbers } from '../inputs.ts'
import { directionModel, gemmModel } from '../onnx_model.ts'

const { values: flags } = parseArgs({
  options: { build: { type: 'string', default: 'web' }, threads: { type: 'string', default: '1' } },
})
const threads = Number(flags.threads)
const library = `onnxruntime-${flags.build}`
const ort = (await import(library)) as typeof import('onnxruntime-common')
if (flags.build === 'web') ort.env.wasm.numThreads = threads

const sessionOf = (model: Uint8Array): Promise<InferenceSession> =>
  ort.InferenceSession.create(model, {
    executionProviders: [flags.build === 'web' ? 'wasm' : 'cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  })

async function gemm(n: number): Promise<Prepared> {
  const session = await sessionOf(gemmModel(n))
  const matrix = (seed: number) => new ort.Tensor('float32', randomNumbers(n * n, seed), [n, n])
  const feeds = { a: matrix(1), b: matrix(2) }
  const call = (): Promise<InferenceSession.ReturnType> => session.run(feeds)
  const { c } = await call()
  return { call, check: Number(c!.data[n + 1]), drop: () => void session.release() }
}

async function directionInference(): Promise<Prepared> {
  const session = await sessionOf(directionModel(1))
  const { x, expected } = directionLine()
  const feeds = { [session.inputNames[0]!]: new ort.Tensor('float32', x, [1, ...IMAGE]) }
  const call = (): Promise<InferenceSession.ReturnType> => session.run(feeds)
  const probabilities = (await call())[session.outputNames[0]!]!.data as Float32Array
  expectClose(probabilities, expected, 1e-5)
  return { call, check: probabilities[0]!, drop: () => void session.release() }
}

const works: Works = {
  ...Object.fromEntries(GEMM_SIZES.map((n) => [`gemm-${n}`, () => gemm(n)])),
  'direction-inference': directionInference,
}
const manifest = createRequire(import.meta.url)
  .resolve(library)
  .replace(/dist.*$/, 'package.json')
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
await serve(`${library} ${version}, ${threads} thread(s), Node ${process.version}`, works)
