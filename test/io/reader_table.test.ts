/**
 * What a written inference model must contain for every reader (Paddle's loader and predictor, paddle2onnx, netron): one test for each point.
 * The bytes are walked here, without the reader under test, and compared with the operators of Paddle 2.6.2 (test/golden/op_protos.json).
 */
import { describe, expect, test } from 'vitest'
import { writeStateFile } from '../../src/io/state_file.ts'
import { readTensorStream } from '../../src/io/tensor_stream.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { paddleFiles } from '../../tools/paddle_files.ts'
import { readGolden } from '../golden.ts'
import { fieldsOf } from './consistent.ts'

interface Proto {
  readonly attrs: Readonly<Record<string, { readonly type: string; readonly extra?: boolean }>>
}
const { ops: protos } = readGolden<{ ops: Record<string, Proto> }>('op_protos.json.gz')
const TYPES =
  'INT FLOAT STRING INTS FLOATS STRINGS BOOLEAN BOOLEANS BLOCK LONG BLOCKS LONGS FLOAT64S VAR VARS FLOAT64 SCALAR SCALARS'.split(
    ' ',
  )
/** Of Paddle's framework, on every operator. */
const GENERIC = new Set(['op_role', 'op_role_var', 'op_namescope', 'op_callstack', 'op_device', 'with_quant_attr'])

/** Hints for other back ends, which paddle2onnx does not look at either. */
const HINTS = new Set(['use_cudnn', 'use_mkldnn', 'mkldnn_data_type', 'use_quantizer'])

type Fields = readonly [number, number, unknown][]
const all = (fields: Fields, number: number): unknown[] =>
  fields.filter(([n]) => n === number).map(([, , value]) => value)
const one = (fields: Fields, number: number): unknown => all(fields, number)[0]
const named = (fields: Fields, number: number): string[] =>
  all(fields, number).map((value) => Buffer.from(value as string, 'hex').toString('utf8'))

interface Op {
  readonly type: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attrs: ReadonlyMap<string, string>
  readonly fields: Fields
}

function modelOf(bytes: Uint8Array) {
  const [block] = all(fieldsOf(bytes, 'Program'), 1) as Fields[]
  const ops = (all(block!, 4) as Fields[]).map((fields): Op => {
    const attrs = all(fields, 4) as Fields[]
    return {
      type: named(fields, 3)[0]!,
      inputs: (all(fields, 1) as Fields[]).flatMap((slot) => named(slot, 2)),
      outputs: (all(fields, 2) as Fields[]).flatMap((slot) => named(slot, 2)),
      attrs: new Map(attrs.map((attr) => [named(attr, 1)[0]!, TYPES[Number(one(attr, 2))]!] as const)),
      fields,
    }
  })
  const vars = new Map((all(block!, 3) as Fields[]).map((fields) => [named(fields, 1)[0]!, fields] as const))
  return { ops, vars }
}

const { files } = await paddleFiles()
const MODELS = [...files.keys()].filter((name) => /^(models|inference|converted)\/.*(\.pdmodel|__model__)$/.test(name))

test('there are models of several kinds', () => {
  expect(MODELS.length).toBeGreaterThanOrEqual(8)
})

describe.each(MODELS)('%s', (file) => {
  const { ops, vars } = modelOf(files.get(file)!)

  test('attributes have the type that the operator declares', () => {
    for (const { type, attrs } of ops) {
      for (const [name, written] of attrs) {
        const declared = protos[type]!.attrs[name]
        if (declared !== undefined) expect(`${type}.${name} ${written}`).toBe(`${type}.${name} ${declared.type}`)
        else expect(GENERIC, `${type}.${name}`).toContain(name)
      }
    }
  })

  test('every declared attribute of an operator is there', () => {
    for (const { type, attrs } of ops) {
      const declared = Object.entries(protos[type]!.attrs).filter(
        ([name, { extra }]) => extra !== true && !HINTS.has(name),
      )
      expect([...attrs.keys()], type).toEqual(expect.arrayContaining(declared.map(([name]) => name)))
    }
  })

  test('every variable is declared, with element type and dimensions, the holders by their kinds', () => {
    for (const { inputs, outputs } of ops) {
      for (const name of [...inputs, ...outputs]) expect([...vars.keys()]).toContain(name)
    }
    for (const [name, fields] of vars) {
      const type = one(fields, 2) as Fields
      const kind = Number(one(type, 1))
      if (name === 'feed' || name === 'fetch') expect(kind, name).toBe(name === 'feed' ? 9 : 10)
      else {
        const tensor = one(one(type, 3) as Fields, 1) as Fields
        expect([kind, typeof one(tensor, 1)], name).toEqual([7, 'bigint'])
        expect(all(tensor, 2).length, `dimensions of ${name}`).toBeGreaterThan(0)
      }
    }
  })

  test('feed and fetch operators have col, from 0', () => {
    for (const type of ['feed', 'fetch']) {
      const cols = ops
        .filter((op) => op.type === type)
        .map((op) => (all(op.fields, 4) as Fields[]).find((attr) => named(attr, 1)[0] === 'col'))
        .map((attr) => Number(one(attr!, 3)))
      expect(cols.length).toBeGreaterThan(0)
      expect([...cols].sort()).toEqual(cols.map((_, i) => i))
    }
  })

  const persistable = [...vars].filter(([name, fields]) => one(fields, 3) === 1n && name !== 'feed' && name !== 'fetch')

  test('no persistable variable that no operator reads', () => {
    const read = new Set(ops.flatMap(({ inputs }) => inputs))
    expect(persistable.map(([name]) => name).filter((name) => !read.has(name))).toEqual([])
    expect(persistable.length).toBeGreaterThan(0)
  })

  const params = files.get(file.replace(/\.pdmodel$/, '.pdiparams'))
  test.skipIf(file.endsWith('__model__'))('the parameters end exactly behind the last tensor', () => {
    let at = 0
    for (let i = 0; i < persistable.length; i++) at = readTensorStream(params!, at).end
    expect(at).toBe(params!.length)
  })
})

test.each([2, 3, 4] as const)('pickles name numpy.core.multiarray, in protocol %d', (protocol) => {
  const file = writeStateFile({ tensors: new Map([['w', Tensor.zeros('float32', [2])]]) }, { protocol })
  const text = Buffer.from(file).toString('latin1')
  expect(text).toContain('numpy.core.multiarray')
  expect(text).not.toContain('numpy._core')
})
