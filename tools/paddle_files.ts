/**
 * Writes files of every kind that Paddle reads, for `check_with_paddle.py` to load with real Paddle 2.6.2:
 *
 *     npx tsx tools/paddle_files.ts DIR
 *     python tools/check_with_paddle.py DIR test/golden/files/paddle_check.json
 *
 * A test makes the same files again and compares their digests with those that Paddle accepted.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Program } from '../src/framework/program.ts'
import { build, Executor, input, nn, optimizer, SelectedRows, Tensor, tensor } from '../src/index.ts'
import { inferenceModelFiles } from '../src/io/inference_model.ts'
import { writeNpz } from '../src/io/npz.ts'
import { persistableVariables, writeSeparateParams } from '../src/io/params.ts'
import { PickleTuple, type PickleValue } from '../src/io/pickle.ts'
import { writeStateFile } from '../src/io/state_file.ts'
import { writeSelectedRowsStream, writeTensorStream } from '../src/io/tensor_stream.ts'
import { numel } from '../src/tensor/shape.ts'
import { convertedFiles } from './convert_outputs.ts'
import { paddleModels } from './paddle_models.ts'

/** File contents by path, and what Paddle should find in them. */
export interface PaddleFiles {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly expected: unknown
}

/** Numbers without a pattern, the same every time. */
function values(count: number, seed: number): Float32Array {
  let state = seed
  return Float32Array.from({ length: count }, () => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state / 1073741824 - 1
  })
}

const TENSORS: Readonly<Record<string, Tensor>> = {
  float32: new Tensor('float32', [2, 3], values(6, 1)),
  float64: new Tensor('float64', [3], Float64Array.of(0.1, -1e300, 5e-324)),
  int64: new Tensor('int64', [2], BigInt64Array.of(-(2n ** 63n), 2n ** 62n)),
  int32: new Tensor('int32', [1, 2], Int32Array.of(-7, 8)),
  int16: new Tensor('int16', [2], Int16Array.of(-300, 5)),
  int8: new Tensor('int8', [2], Int8Array.of(-128, 127)),
  uint8: new Tensor('uint8', [2], Uint8Array.of(0, 255)),
  bool: new Tensor('bool', [3], Uint8Array.of(1, 0, 1)),
  float16: new Tensor('float16', [2], Uint16Array.of(0x3c00, 0xc000)),
  bfloat16: new Tensor('bfloat16', [2], Uint16Array.of(0x3f80, 0xc000)),
  complex64: new Tensor('complex64', [1], Float32Array.of(1.5, -2.5)),
  scalar: new Tensor('float32', [], Float32Array.of(2.5)),
  empty: new Tensor('float32', [0, 3], new Float32Array(0)),
}

export async function paddleFiles(): Promise<PaddleFiles> {
  const files = new Map<string, Uint8Array>()

  // A network: trained for three steps here and by Paddle, then saved for inference.
  const { main, startup, out } = build(
    () => {
      const x = input('x', [null, 4])
      const label = input('label', [null, 1], 'int64')
      const logits = nn.functional.fc(nn.functional.fc(x, 5).relu(), 3)
      const prob = nn.functional.softmax(logits)
      const loss = nn.functional.softmaxWithCrossEntropy(logits, label).mean()
      new optimizer.Adam({ learningRate: 0.05 }).minimize(loss)
      return { x, prob, loss }
    },
    { seed: 7 },
  )
  files.set('train/main.pdmodel', main.toProto())
  files.set('train/startup.pdmodel', startup.toProto())
  const executor = new Executor({ seed: 1 })
  executor.run(startup)
  const feed = {
    x: new Tensor('float32', [6, 4], values(24, 3)),
    label: tensor([[0], [1], [2], [2], [1], [0]], 'int64'),
  }
  const losses = [1, 2, 3].map(() => executor.run(main, { feed, fetch: [out.loss] })[0]!.toJSON())
  const trained = valuesIn(executor, main)

  // Saved are numbers that no kernel made, so that the bytes depend on the formats alone.
  persistableVariables(main).forEach(({ name, dtype, shape }, i) => {
    executor.scope.set(name, new Tensor(dtype, shape, values(numel(shape), 100 + i)))
  })
  const model = inferenceModelFiles(out.x, out.prob, executor.scope)
  files.set('inference/model.pdmodel', model.model)
  files.set('inference/model.pdiparams', model.params!)
  const test = main.clone({ forTest: true })
  const [prob] = executor.run(test, { feed, fetch: [out.prob.name] })
  const separate = writeSeparateParams(main, (name) => executor.scope.get(name))
  for (const [name, bytes] of separate) files.set(`separate/${name}`, bytes)

  for (const [name, value] of Object.entries(TENSORS)) {
    files.set(`streams/${name}.tensor`, writeTensorStream(value).finish())
  }
  const sequences = new Tensor('float32', [5, 2], values(10, 4), [[0, 2, 5]])
  files.set('streams/lod.tensor', writeTensorStream(sequences).finish())
  const sparse = new SelectedRows([4, 1], 6, new Tensor('float32', [2, 2], values(4, 5)))
  files.set('streams/sparse.rows', writeSelectedRowsStream(sparse).finish())

  const { bfloat16: _bits, complex64: _complex, ...arrays } = TENSORS
  const others = new Map<string, PickleValue>([
    [
      'LR_Scheduler',
      new Map<string, PickleValue>([
        ['last_epoch', 3],
        ['last_lr', 0.0125],
        ['big', 2n ** 70n],
      ]),
    ],
    ['list', [null, true, -1, 2 ** 40, 'Grüße', new PickleTuple(['name', TENSORS['int32']!])]],
  ])
  const tensors = new Map(Object.entries(arrays))
  const parameterNames = new Map([['float32', 'linear_0.w_0']])
  for (const protocol of [2, 3, 4] as const) {
    files.set(`state/p${protocol}.pdparams`, writeStateFile({ tensors, parameterNames, others }, { protocol }))
  }
  // Three float32 a part.
  files.set('state/slices.pdparams', writeStateFile({ tensors, parameterNames }, { protocol: 2, sliceBytes: 12 }))
  files.set('arrays.npz', writeNpz(tensors))
  files.set('packed.npz', writeNpz(tensors, { compress: true }))

  const models = paddleModels()
  for (const [path, bytes] of models.files) files.set(path, bytes)
  for (const [path, bytes] of await convertedFiles(files, out.prob.name)) files.set(path, bytes)

  const json = (all: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value.toJSON()]))
  return {
    files,
    expected: {
      feed: json(feed),
      losses,
      prob: prob!.toJSON(),
      trained,
      saved: valuesIn(executor, main),
      streams: json(TENSORS),
      lod: sequences.toJSON(),
      sparse: sparse.toJSON(),
      state: json(arrays),
      ...models.expected,
    },
  }
}

const valuesIn = (executor: Executor, program: Program) =>
  Object.fromEntries(
    persistableVariables(program).map(({ name }) => [name, executor.scope.get(name)!.toJSON()] as const),
  )

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = process.argv[2]
  if (folder === undefined) throw new Error('give the folder to write into')
  const { files, expected } = await paddleFiles()
  for (const [path, bytes] of files) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), bytes)
  }
  writeFileSync(join(folder, 'expected.json'), JSON.stringify(expected))
}
