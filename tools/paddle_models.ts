/**
 * Models of several kinds for `check_with_paddle.py`: recorded programs written as ProgramDesc (Paddle must train them to the numbers that it
 * recorded), and inference models saved here (Paddle must compute what oarlock computes).
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { buildInference } from '../examples/direction_classifier/network.ts'
import { LayerHelper } from '../src/framework/layer_helper.ts'
import {
  build,
  callOp,
  Executor,
  inferenceModelFiles,
  input,
  nn,
  ops,
  Program,
  Tensor,
  tensor,
  type Variable,
} from '../src/index.ts'
import { persistableVariables } from '../src/io/params.ts'
import { byteSize, makeView } from '../src/tensor/dtype.ts'
import { numberToFloat16 } from '../src/tensor/half.ts'
import { numel } from '../src/tensor/shape.ts'

/** Recorded programs: convolution, loss scaling, control flow, rows, float64, dropout. */
export const RECORDED = [
  'lenet',
  'amp_cpu_o1_mlp_adam',
  'amp_cpu_o2_mlp_momentum',
  'cond_in_while',
  'case_chain',
  'embedding_sparse_adam',
  'variant_float64_global',
  'dropout_program_seed',
] as const

const STEPS = 3
const PROGRAMS = new URL('../test/golden/programs/', import.meta.url)
const recorded = (path: string): unknown =>
  JSON.parse(gunzipSync(readFileSync(new URL(`${path}.json.gz`, PROGRAMS))).toString('utf8'))

export interface Models {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly expected: { readonly recorded: object; readonly models: object }
}

export function paddleModels(): Models {
  const files = new Map<string, Uint8Array>()
  const traces: Record<string, object> = {}
  for (const name of RECORDED) {
    for (const part of ['main', 'startup']) {
      files.set(`recorded/${name}/${part}.pdmodel`, Program.from(recorded(`${name}/${part}`) as object).toProto())
    }
    const { paddle_seed: seed } = recorded(`${name}/meta`) as { paddle_seed: number }
    const { fetches, steps } = recorded(`${name}/trace`) as { fetches: string[]; steps: { fetches: object }[] }
    const feeds = recorded(`${name}/feeds`) as object[]
    traces[name] = {
      seed,
      fetches,
      steps: steps.slice(0, STEPS).map((step, i) => ({ feed: feeds[i % feeds.length], fetch: step.fetches })),
    }
  }
  const models: Record<string, object> = {}
  for (const [name, make] of Object.entries(MODELS)) models[name] = saved(name, make, files)
  return { files, expected: { recorded: traces, models } }
}

interface Made {
  readonly program: Program
  readonly feeds: readonly Variable[]
  readonly fetches: readonly Variable[]
  readonly feed: Readonly<Record<string, Tensor>>
}

const { staticConv2d: conv2d, fc, maxPool2d, softmax } = nn.functional

const MODELS: Readonly<Record<string, () => Made>> = {
  lenet() {
    const { main, out } = build(() => {
      const image = input('image', [null, 1, 28, 28])
      const first = maxPool2d(conv2d(image, 6, 5, { padding: 2 }).relu(), 2, { stride: 2 })
      const second = maxPool2d(conv2d(first, 16, 5).relu(), 2, { stride: 2 })
      return { image, prob: softmax(fc(fc(fc(second, 120).relu(), 84).relu(), 10)) }
    })
    return {
      program: main,
      feeds: [out.image],
      fetches: [out.prob],
      feed: { image: numbers('float32', [2, 1, 28, 28], 1) },
    }
  },
  classifier() {
    const { program, image, probabilities } = buildInference()
    return {
      program,
      feeds: [image],
      fetches: [probabilities],
      feed: { image: numbers('float32', [1, 3, 48, 192], 2) },
    }
  },
  int64() {
    const { main, out } = build(() => {
      const ids = input('ids', [null, 3], 'int64')
      const W = new LayerHelper('embedding').createParameter({ shape: [11, 4], dtype: 'float32' })
      const table = callOp(ops.lookup_table_v2, { W, Ids: ids }, {}).Out as Variable
      const more = callOp(ops.elementwise_add, { X: ids, Y: ids }, {}).Out as Variable
      return { ids, logits: fc(table, 2), more }
    })
    const feed = {
      ids: tensor(
        [
          [0, 5, 10],
          [3, 3, 1],
        ],
        'int64',
      ),
    }
    return { program: main, feeds: [out.ids], fetches: [out.logits, out.more], feed }
  },
  /** A CPU build of Paddle computes little in float16, and its cast to it truncates: an input and a parameter are held in it. */
  float16() {
    const { main, out } = build(() => {
      const single = (x: Variable): Variable =>
        callOp(ops.cast, { X: x }, { in_dtype: 'float16', out_dtype: 'float32' }).Out as Variable
      const x = input('x', [null, 4], 'float16')
      const W = new LayerHelper('half').createParameter({ shape: [4, 3], dtype: 'float16' })
      return { x, y: fc(callOp(ops.matmul_v2, { X: single(x), Y: single(W) }, {}).Out as Variable, 2) }
    })
    const feed = {
      x: new Tensor('float16', [2, 4], Uint16Array.of(0x3c00, 0xb800, 0, 0x4000, 0x3400, 1, 0xbc00, 0x3555)),
    }
    return { program: main, feeds: [out.x], fetches: [out.y], feed }
  },
}

/** Saves a model whose parameters are numbers that no kernel made, and what it computes. */
function saved(name: string, make: () => Made, files: Map<string, Uint8Array>): object {
  const { program, feeds, fetches, feed } = make()
  const executor = new Executor()
  persistableVariables(program).forEach(({ name: variable, dtype, shape }, i) => {
    // Sums of about 1, so that no softmax is all or nothing.
    const fanIn = shape.length === 4 ? numel(shape.slice(1)) : (shape[0] ?? 1)
    const spread = shape.length > 1 ? 4 / Math.sqrt(fanIn) : 1
    const [least, most] = /variance/.test(variable) ? [0.5, 1.5] : [-spread / 2, spread / 2]
    executor.scope.set(variable, numbers(dtype, shape, 50 + i, least, most))
  })
  const { model, params } = inferenceModelFiles(feeds, fetches, executor.scope, { program })
  files.set(`models/${name}.pdmodel`, model)
  files.set(`models/${name}.pdiparams`, params!)
  const test = program.clone({ forTest: true })
  const outputs = executor.run(test, { feed, fetch: fetches.map((variable) => variable.name) })
  executor.dispose()
  return {
    feed: Object.fromEntries(Object.entries(feed).map(([key, value]) => [key, value.toJSON()])),
    fetch: outputs.map((value) => value.toJSON()),
  }
}

/** Numbers without a pattern from `least` to `most`, the same every time. */
function numbers(dtype: Tensor['dtype'], shape: readonly number[], seed: number, least = -0.5, most = 0.5): Tensor {
  let state = seed
  const data = makeView(dtype, new ArrayBuffer(numel(shape) * byteSize(dtype)), 0, numel(shape))
  for (let i = 0; i < data.length; i++) {
    state = (state * 1103515245 + 12345) % 2147483648
    const value = least + (state / 2147483648) * (most - least)
    ;(data as Float32Array)[i] = dtype === 'float16' ? numberToFloat16(value) : value
  }
  return new Tensor(dtype, shape, data)
}
