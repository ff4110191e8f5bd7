/** Inference models: cut down as Paddle 2.6.2 does, byte for byte, and read back; what files are. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { comparePrograms } from '../../src/framework/compare_programs.ts'
import { build, Executor, input, nn, ops, optimizer, Program, Tensor, tensor } from '../../src/index.ts'
import { FILE_KINDS, identify, needUse } from '../../src/io/identify.ts'
import { inferenceModelFiles, normalizeProgram, readInferenceModel } from '../../src/io/inference_model.ts'
import { loadInferenceModel, saveInferenceModel } from '../../src/io/node/inference_model_files.ts'
import { writeNpy } from '../../src/io/npy.ts'
import { writeNpz } from '../../src/io/npz.ts'
import { writeSafetensors } from '../../src/io/safetensors.ts'
import { readStateFile } from '../../src/io/state_file.ts'
import { golden, thrown } from './damage.ts'

/** The training program of Paddle's file as it was before it was saved for inference: Paddle appends the scale to the given program. */
function trainingProgram(): Program {
  const program = Program.from(golden('static_save/train.pdmodel'))
  const block = program.globalBlock()
  block.replaceOps(block.ops.slice(0, -1))
  block.removeVar('save_infer_model/scale_0.tmp_0')
  program.names.set('save_infer_model/scale_0.tmp', 0)
  return program
}

function trainedExecutor(): Executor {
  const executor = new Executor()
  for (const file of ['static_save/train.pdparams', 'static_save/train.pdopt']) {
    for (const [name, value] of readStateFile(golden(file)).tensors) executor.scope.set(name, value)
  }
  return executor
}

describe('a training program of Paddle, saved for inference', () => {
  const { model, params } = inferenceModelFiles('img', ['softmax_0.tmp_0'], trainedExecutor().scope, {
    program: trainingProgram(),
  })

  test('gives the bytes that Paddle gives', () => {
    expect(comparePrograms(Program.from(golden('inference/model.pdmodel')), Program.from(model))).toEqual([])
    expect(model).toEqual(golden('inference/model.pdmodel'))
    expect(params).toEqual(golden('inference/model.pdiparams'))
  })

  test('leaves the given program as it is', () => {
    const program = trainingProgram()
    const before = program.toProto()
    normalizeProgram(program, ['img'], ['softmax_0.tmp_0'])
    expect(program.toProto()).toEqual(before)
  })

  test('of a clone for test: the operators and variables of the older layout', () => {
    const program = trainingProgram().clone({ forTest: true })
    program.names.set('save_infer_model/scale_0.tmp', 1)
    const made = normalizeProgram(program, ['img'], ['softmax_0.tmp_0'])
    // Paddle gives statistics their gradient back when it cuts a program.
    for (const name of ['batch_norm_0.w_1', 'batch_norm_0.w_2']) made.globalBlock().var(name).stopGradient = false
    expect(comparePrograms(Program.from(golden('legacy_combined/__model__')), made)).toEqual([])
  })
})

describe('a program built here', () => {
  const { main, startup, out } = build(
    () => {
      const x = input('x', [null, 4])
      const label = input('label', [null, 1], 'int64')
      const logits = nn.functional.fc(nn.functional.fc(x, 5).relu(), 3)
      const prob = nn.functional.softmax(logits)
      const loss = nn.functional.softmaxWithCrossEntropy(logits, label).mean()
      new optimizer.Adam({ learningRate: 0.01 }).minimize(loss)
      return { x, label, prob, loss }
    },
    { seed: 3 },
  )
  const executor = new Executor()
  executor.run(startup)
  const x = tensor([
    [1, 2, 3, 4],
    [0, -1, 0, 1],
  ])
  const [want] = executor.run(main.clone({ forTest: true }), {
    feed: { x, label: tensor([[0], [1]], 'int64') },
    fetch: [out.prob.name],
  })

  test('is saved to files, loaded and run, with equal numbers', () => {
    const folder = mkdtempSync(join(tmpdir(), 'oarlock-'))
    try {
      const prefix = join(folder, 'new', 'model')
      saveInferenceModel(prefix, [out.x], [out.prob], executor)
      const other = new Executor()
      const { program, feedNames, fetchVars } = loadInferenceModel(prefix, other, { library: ops })
      expect(feedNames).toEqual(['x'])
      expect(program.version).toBe(2006002)
      expect(program.globalBlock().ops.map(({ type }) => type)).not.toContain('adam')
      expect(fetchVars.map(({ name }) => name)).toEqual(['save_infer_model/scale_0.tmp_0'])
      expect(other.run(program, { feed: { x }, fetch: fetchVars })).toEqual([want])
      for (const engine of ['interpreter', 'plan'] as const) {
        const third = new Executor({ engine })
        const read = readInferenceModel(
          Program.from(readFileSync(`${prefix}.pdmodel`)),
          new Uint8Array(readFileSync(`${prefix}.pdiparams`)),
          third,
        )
        expect(third.run(read.program, { feed: { x }, fetch: read.fetchVars })).toEqual([want])
      }
      expect(thrown(() => loadInferenceModel(join(folder, 'nothing'), other, { library: ops })).code).toBe('E520')
      writeFileSync(join(folder, 'file'), '')
      expect(thrown(() => saveInferenceModel(join(folder, 'file', 'm'), out.x, out.prob, executor)).code).toBe('E522')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('where there is no file system, that is said', () => {
    const process = globalThis.process
    try {
      Object.defineProperty(globalThis, 'process', { value: undefined, configurable: true, writable: true })
      const error = thrown(() => saveInferenceModel('m', out.x, out.prob, executor))
      expect(error.code).toBe('E408')
    } finally {
      Object.defineProperty(globalThis, 'process', { value: process, configurable: true, writable: true })
    }
  })

  test('feeds that are not needed or missing, variables that do not exist, parameters without value', () => {
    const scope = executor.scope
    expect(thrown(() => inferenceModelFiles([out.x, out.label], out.prob, scope))).toMatchObject({
      code: 'E539',
      summary: '"label": not needed to compute what is fetched',
    })
    expect(thrown(() => inferenceModelFiles(out.x, out.loss, scope))).toMatchObject({
      code: 'E539',
      summary: '"label" is needed to compute what is fetched, but it is not fed',
    })
    expect(thrown(() => inferenceModelFiles('y', out.prob, scope)).code).toBe('E207')
    expect(thrown(() => inferenceModelFiles('x', 'y', scope)).code).toBe('E539')
    expect(thrown(() => inferenceModelFiles(out.x, out.prob, new Executor().scope))).toMatchObject({
      code: 'E533',
      category: 'NotFound',
    })
  })

  test('a model without parameters has no parameter file', () => {
    const { out: plain } = build(() => {
      const a = input('a', [null, 2])
      return { a, b: a.relu() }
    })
    const { model, params } = inferenceModelFiles(plain.a, [plain.b, plain.a], new Executor().scope)
    expect(params).toBeUndefined()
    const reader = new Executor()
    const { program, fetchVars } = readInferenceModel(Program.from(model), undefined, reader)
    expect(
      reader
        .run(program, { feed: { a: tensor([[-1, 2]]) }, fetch: fetchVars })
        .map((value) => (value as Tensor).toArray()),
    ).toEqual([[[0, 2]], [[-1, 2]]])
  })

  test('several inputs and outputs keep their order', () => {
    const { out: two } = build(() => {
      const a = input('a', [2])
      const b = input('b', [2])
      return { a, b, sum: a.add(b), difference: a.sub(b) }
    })
    const { model } = inferenceModelFiles([two.b, two.a], [two.difference, two.sum], new Executor().scope)
    const program = Program.from(model)
    expect(program.globalBlock().ops.map(({ type, attrs }) => [type, attrs['col']])).toEqual([
      ['feed', 1],
      ['feed', 0],
      ['elementwise_add', undefined],
      ['elementwise_sub', undefined],
      ['scale', undefined],
      ['scale', undefined],
      ['fetch', 0],
      ['fetch', 1],
    ])
    const { feedNames, fetchVars } = readInferenceModel(program, undefined, new Executor())
    expect(feedNames).toEqual(['b', 'a'])
    expect(fetchVars.map(({ name }) => name)).toEqual([
      'save_infer_model/scale_0.tmp_0',
      'save_infer_model/scale_1.tmp_0',
    ])
  })

  test.each([-1, 65_536, 2 ** 31 - 1])(
    'F-13 a file with a feed at position %d is refused, so that no list of that length is made',
    (col) => {
      const json = Program.from(golden('inference/model.pdmodel')).toJSON()
      const [first, ...others] = json.blocks[0]!.ops
      const bad = {
        ...json,
        blocks: [{ ...json.blocks[0]!, ops: [{ ...first!, attrs: { ...first!.attrs, col } }, ...others] }],
      }
      expect(thrown(() => Program.from(bad)).code).toBe('E201')
    },
  )

  test.each([-1, 1, 2 ** 31 - 1])('F-13 a feed at position %d', (col) => {
    const program = Program.from(golden('inference/model.pdmodel'))
    const block = program.globalBlock()
    block.setAttr(block.ops[0]!, 'col', col)
    expect(thrown(() => readInferenceModel(program, undefined, new Executor())).code).toBe('E538')
  })

  test.each([
    ['F-13 two feeds at the same position', [0, 0]],
    ['F-13 a gap', [0, 2]],
  ])('%s', (_, [first, second]) => {
    for (const type of ['feed', 'fetch']) {
      const json = Program.from(golden('inference/model.pdmodel')).toJSON()
      const ops = json.blocks[0]!.ops.flatMap((op) =>
        op.type === type
          ? [
              { ...op, attrs: { ...op.attrs, col: first! } },
              { ...op, attrs: { ...op.attrs, col: second! } },
            ]
          : [op],
      )
      const program = Program.from({ ...json, blocks: [{ ...json.blocks[0]!, ops }] })
      expect(thrown(() => readInferenceModel(program, undefined, new Executor())).code, type).toBe('E538')
    }
  })

  test('F-14 a fetch without a variable, a feed of two', () => {
    const json = Program.from(golden('inference/model.pdmodel')).toJSON()
    for (const [type, slots] of [
      ['fetch', { inputs: { X: [] } }],
      ['feed', { outputs: { Out: ['x', 'x'] } }],
    ] as const) {
      const ops = json.blocks[0]!.ops.map((op) => (op.type === type ? { ...op, ...slots } : op))
      const bad = () =>
        readInferenceModel(Program.from({ ...json, blocks: [{ ...json.blocks[0]!, ops }] }), undefined, new Executor())
      expect(thrown(bad).code, type).toBe('E538')
    }
  })

  test('F-14 a feed without a variable', () => {
    const json = Program.from(golden('inference/model.pdmodel')).toJSON()
    const [first, ...others] = json.blocks[0]!.ops
    const bad = { ...json, blocks: [{ ...json.blocks[0]!, ops: [{ ...first!, outputs: { Out: [] } }, ...others] }] }
    expect(thrown(() => readInferenceModel(Program.from(bad), undefined, new Executor())).code).toBe('E538')
  })

  test('parameters that were forgotten', () => {
    const program = Program.from(golden('inference/model.pdmodel'))
    expect(thrown(() => readInferenceModel(program, undefined, new Executor()))).toMatchObject({
      code: 'E533',
      summary: 'the model has 9 parameters, but no parameter file was given',
    })
  })
})

describe('what a file is', () => {
  const w = Tensor.zeros('float32', [2])
  const text = (content: string): Uint8Array => new TextEncoder().encode(content)
  test.each<[string, Uint8Array, readonly string[]]>([
    ['program-desc', golden('inference/model.pdmodel'), ['program']],
    ['tensor-stream', golden('inference/model.pdiparams'), ['values', 'array']],
    ['tensor-stream', golden('tensor_streams/lod.tensor'), ['values', 'array']],
    ['pickle', golden('static_save/train.pdparams'), ['values']],
    ['pickle', golden('dygraph_state/net_p2.pdparams'), ['values']],
    ['npy', writeNpy(w), ['array']],
    ['zip', writeNpz(new Map([['w', w]])), ['values']],
    ['safetensors', writeSafetensors(new Map([['w', w]])), ['values']],
    ['json', golden('inference/model.json'), ['program']],
    ['json', text(JSON.stringify(w)), ['array']],
    ['json', text(`\n{ "w": ${JSON.stringify(w)} }`), ['values']],
    ['json', text('[1, 2'), []],
    ['png', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10), []],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), []],
    ['onnx', Uint8Array.of(8, 8, 0x12, 4, 0x74, 0x65, 0x73, 0x74), []],
    ['text', text('hello\n'), []],
    ['empty', new Uint8Array(0), []],
    ['unknown', Uint8Array.of(1, 2, 3, 200), []],
  ])('%s', (kind, bytes, uses) => {
    const found = identify(bytes)
    expect(found.kind).toBe(kind)
    expect(found.uses).toEqual(uses)
    if (kind !== 'json') expect(found.text).toBe(FILE_KINDS[found.kind])
  })

  test('every recorded ProgramDesc is one, whatever the length of its first block', () => {
    // A first block of 123 bytes begins as "\\n{" does.
    const block = Uint8Array.of(0x0a, 0x7b, 8, 0, 0x10, ...Array<number>(9).fill(0xff), 1, ...new Uint8Array(108))
    expect(identify(block).kind).toBe('program-desc')
    expect(identify(text('\n{"format": 1}')).kind).toBe('json')
  })

  test('a wrong use says what the file is and where it would fit', () => {
    const error = thrown(() => needUse(golden('static_save/train.pdparams'), 'program', 'train.pdparams'))
    expect(error).toMatchObject({ code: 'E529', where: { file: 'train.pdparams' } })
    expect(error.message).toContain('this is a Python pickle (.pdparams, .pdopt), which cannot be used as a program')
    expect(error.hint).toContain('it is values by name')
    expect(needUse(writeNpy(w), 'array').kind).toBe('npy')
  })
})
