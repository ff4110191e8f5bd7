/**
 * Bad programs and bad calls, row by row of shared/quality/bad-inputs.md section G: each gives a typed error with code, category and place,
 * changes nothing, and a good program runs in the same process right afterwards. Single faults of the file format are in
 * framework/program_json.test.ts, those of `verify` in framework/verify.test.ts, feeds and fetches in executor/executor.test.ts.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { EnforceError, Executor, Program, type Value, verify } from '../src/index.ts'
import { type Tensor, tensor } from '../src/tensor/tensor.ts'
import { readGolden } from './golden.ts'

function failure(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const toArray = (value: Value | undefined): unknown => (value as Tensor).toArray()

/** max(2 x - 1, 0) over three elements, as a file. */
const GOOD = JSON.stringify({
  format: 'oarlock-program',
  format_version: 1,
  blocks: [
    {
      idx: 0,
      parent_idx: -1,
      vars: [
        { name: 'x', dtype: 'float32', shape: [-1], need_check_feed: true, stop_gradient: true },
        { name: 'h', dtype: 'float32', shape: [-1] },
        { name: 'y', dtype: 'float32', shape: [-1] },
      ],
      ops: [
        { type: 'scale', inputs: { X: ['x'] }, outputs: { Out: ['h'] }, attrs: { scale: 2, bias: -1 } },
        { type: 'relu', inputs: { X: ['h'] }, outputs: { Out: ['y'] } },
      ],
    },
  ],
})

// One executor for the whole file: whatever a test did to it, the next program must run.
const executor = new Executor()
const prototype = JSON.stringify(Object.getOwnPropertyNames(Object.prototype).sort())
afterEach(() => {
  const program = Program.from(GOOD)
  expect(toArray(executor.run(program, { feed: { x: [1, 0.25, -3] }, fetch: ['y'] })[0])).toEqual([1, 0, 0])
  expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype).sort())).toBe(prototype)
})

type Json = Record<string, unknown>
interface Parts {
  program: Json
  block: Json
  vars: Json[]
  ops: (Json & { inputs: Record<string, unknown>; outputs: Record<string, unknown>; attrs?: Json })[]
}
/** The good file, changed. */
function changed(change: (parts: Parts) => void): Json {
  const program = JSON.parse(GOOD) as Json
  const block = (program['blocks'] as Json[])[0]!
  change({ program, block, vars: block['vars'] as Json[], ops: block['ops'] as Parts['ops'] })
  return program
}

/** Code, category and members of `where` that an error must have. */
interface Wanted {
  readonly code: string
  readonly category: string
  readonly where?: Json
  readonly hint?: string | RegExp
  readonly text?: RegExp
}

function expectError(error: EnforceError, wanted: Wanted): void {
  expect({ code: error.code, category: error.category }, error.message).toEqual({
    code: wanted.code,
    category: wanted.category,
  })
  expect(error).toBeInstanceOf(Error)
  expect(error.name).toBe(`${wanted.category}Error`)
  if (wanted.where !== undefined) expect(error.where).toMatchObject(wanted.where)
  if (wanted.hint !== undefined) expect(error.hint).toMatch(wanted.hint)
  if (wanted.text !== undefined) expect(error.summary).toMatch(wanted.text)
  expect(error.summary.length).toBeLessThanOrEqual(300)
  expect(error.message).not.toMatch(/\n\s+at |node_modules/)
  const json = JSON.parse(JSON.stringify(error)) as Json
  expect(json).toMatchObject({ code: wanted.code, category: wanted.category, message: error.summary })
}

describe('Program.from', () => {
  const at = (line: number, column: number): Json => ({ line, column })

  test.each<[string, unknown, Wanted]>([
    ['nothing', '', { code: 'E501', category: 'InvalidArgument', where: at(1, 1) }],
    ['no JSON', 'program { }', { code: 'E501', category: 'InvalidArgument', where: at(1, 1) }],
    ['JSON of Python', "{'format': None}", { code: 'E501', category: 'InvalidArgument', where: at(1, 2) }],
    ['a comma too many', '{"format": "oarlock-program",}', { code: 'E501', category: 'InvalidArgument' }],
    ['a duplicate key', '{"format": "oarlock-program", "format": 1}', { code: 'E502', category: 'InvalidArgument' }],
    ['a duplicate key, escaped', '{"format": 1, "\\u0066ormat": 2}', { code: 'E502', category: 'InvalidArgument' }],
    [
      'another format',
      { format: 'other', format_version: 1 },
      { code: 'E504', category: 'InvalidArgument', where: { pointer: '/format' } },
    ],
    ['no format', { blocks: [] }, { code: 'E504', category: 'InvalidArgument' }],
    [
      'a tensor',
      { dtype: 'float32', shape: [1], data: [1] },
      { code: 'E504', category: 'InvalidArgument', hint: /tensor, not a program/ },
    ],
    [
      'a newer version',
      { format: 'oarlock-program', format_version: 2, blocks: [] },
      { code: 'E505', category: 'InvalidArgument', where: { pointer: '/format_version' }, hint: /newer/ },
    ],
    ['a list', [], { code: 'E504', category: 'InvalidArgument' }],
    ['a number', 5, { code: 'E504', category: 'InvalidArgument' }],
    ['null', null, { code: 'E504', category: 'InvalidArgument' }],
    ['undefined', undefined, { code: 'E504', category: 'InvalidArgument' }],
    [
      'no block',
      changed(({ program }) => {
        program['blocks'] = []
      }),
      { code: 'E507', category: 'InvalidArgument', where: { pointer: '/blocks' } },
    ],
    [
      'a block with another number',
      changed(({ block }) => {
        block['idx'] = 3
      }),
      { code: 'E507', category: 'InvalidArgument', where: { pointer: '/blocks/0/idx', block: 0 } },
    ],
    [
      'a block that is its own parent',
      changed(({ block }) => {
        block['parent_idx'] = 0
      }),
      { code: 'E507', category: 'InvalidArgument', where: { pointer: '/blocks/0/parent_idx' } },
    ],
    [
      'an operator without a type',
      changed(({ ops }) => {
        delete ops[1]!['type']
      }),
      { code: 'E506', category: 'InvalidArgument', where: { pointer: '/blocks/0/ops/1', op: 1 } },
    ],
    [
      'a slot that is no list',
      changed(({ ops }) => {
        ops[0]!.inputs['X'] = 'x'
      }),
      { code: 'E506', category: 'InvalidArgument', where: { pointer: '/blocks/0/ops/0/inputs/X' } },
    ],
    [
      'a misspelt member',
      changed(({ ops }) => {
        ops[0]!['input'] = {}
      }),
      { code: 'E506', category: 'InvalidArgument', where: { pointer: '/blocks/0/ops/0/input' }, hint: /"inputs"/ },
    ],
    [
      'an unknown element type',
      changed(({ vars }) => {
        vars[0]!['dtype'] = 'float31'
      }),
      { code: 'E506', category: 'InvalidArgument', where: { pointer: '/blocks/0/vars/0/dtype' }, hint: /"float32"/ },
    ],
    [
      'a dimension of -2',
      changed(({ vars }) => {
        vars[0]!['shape'] = [-2]
      }),
      { code: 'E506', category: 'InvalidArgument', where: { pointer: '/blocks/0/vars/0/shape/0' } },
    ],
    [
      'a dimension of 1.5',
      changed(({ vars }) => {
        vars[0]!['shape'] = [1.5]
      }),
      { code: 'E506', category: 'InvalidArgument', where: { pointer: '/blocks/0/vars/0/shape/0' } },
    ],
    [
      'a dimension as text',
      changed(({ vars }) => {
        vars[0]!['shape'] = ['3']
      }),
      { code: 'E506', category: 'InvalidArgument', where: { pointer: '/blocks/0/vars/0/shape/0' } },
    ],
    [
      'a variable twice',
      changed(({ vars }) => {
        vars.push(vars[0]!)
      }),
      { code: 'E508', category: 'InvalidArgument', where: { pointer: '/blocks/0/vars/3/name' } },
    ],
    [
      'an attribute of the wrong type',
      changed(({ ops }) => {
        ops[0]!.attrs!['scale'] = 'two'
      }),
      {
        code: 'E201',
        category: 'InvalidArgument',
        where: { block: 0, op: 0, opType: 'scale' },
        text: /attr scale must be a number.*got two/,
      },
    ],
    [
      'an attribute beyond float32',
      changed(({ ops }) => {
        ops[0]!.attrs!['scale'] = 1e39
      }),
      { code: 'E201', category: 'InvalidArgument', where: { op: 0 } },
    ],
    [
      'a list for a number',
      changed(({ ops }) => {
        ops[0]!.attrs!['scale'] = [2]
      }),
      { code: 'E201', category: 'InvalidArgument', where: { op: 0 } },
    ],
  ])('%s', (_, source, wanted) => {
    expectError(
      failure(() => Program.from(source)),
      wanted,
    )
  })

  test('text cut off after every character is an error with line and column, never a program', () => {
    const pretty = JSON.stringify(JSON.parse(GOOD), null, 1)
    for (let length = 0; length < pretty.length; length++) {
      const error = failure(() => Program.from(pretty.slice(0, length)))
      expect(error.category, `${length} characters`).toBe('InvalidArgument')
      expect(error.code).toMatch(/^E50/)
      expect(error.where?.line).toBeGreaterThanOrEqual(1)
      expect(error.where?.column).toBeGreaterThanOrEqual(1)
    }
  })

  test('bytes that are a picture, a pickle, a zip, gzip or UTF-16 are refused', () => {
    const starts = [
      [0x89, 0x50, 0x4e, 0x47],
      [0x80, 0x02],
      [0x50, 0x4b, 3, 4],
      [0x1f, 0x8b],
      [0xff, 0xfe, 0x7b, 0],
      [0],
      [0xc3],
    ]
    for (const start of starts) {
      const error = failure(() => Program.from(new Uint8Array([...start, 1, 2, 3])))
      expect(error.code).toMatch(/^E5/)
    }
  })

  test('any single byte of a good file changed gives a program or a typed error, and both fast', {
    timeout: 60_000,
  }, () => {
    const bytes = new TextEncoder().encode(GOOD)
    let refused = 0
    for (let i = 0; i < bytes.length; i++) {
      for (const flip of [1, 0x10, 0x80]) {
        const copy = bytes.slice()
        copy[i] = copy[i]! ^ flip
        try {
          const program = Program.from(copy)
          program.toJSON()
          verify(program)
        } catch (error) {
          expect(error, `byte ${i}`).toBeInstanceOf(EnforceError)
          refused++
        }
      }
    }
    expect(refused).toBeGreaterThan(bytes.length)
  })

  test('J-05: names of Object.prototype as variable, slot, attribute and operator', () => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']) {
      const asVariable = JSON.parse(GOOD.replaceAll('"h"', JSON.stringify(name))) as Json
      const program = Program.from(asVariable)
      expect(toArray(executor.run(program, { feed: { x: [2] }, fetch: [name] })[0])).toEqual([3])
      const withSlot = GOOD.replace('"inputs":{"X":["h"]}', `"inputs":{"X":["h"],${JSON.stringify(name)}:["x"]}`)
      const withAttr = GOOD.replace('"attrs":{', `"attrs":{${JSON.stringify(name)}:1,`)
      const withType = GOOD.replace('"type":"relu"', `"type":${JSON.stringify(name)}`)
      for (const text of [withSlot, withAttr, withType]) {
        expect(text).not.toBe(GOOD)
        try {
          const made = Program.from(text)
          verify(made)
          executor.run(made, { feed: { x: [2] }, fetch: ['y'] })
        } catch (error) {
          expect(error, `${name}: ${String(error)}`).toBeInstanceOf(EnforceError)
        }
      }
      expect(failure(() => executor.run(Program.from(withType), { feed: { x: [2] } })).code).toBe('E401')
    }
  })

  test('J-06, J-29: names that mean something to people, terminals or programs are names', () => {
    const odd = [
      'a;process.exit()//',
      '$' + '{x}',
      '`',
      'a\nb',
      '*/',
      '<img onerror>',
      '\u202e',
      'é',
      'e\u0301',
      ' ',
      '"',
      '\\',
      '\u0000',
      '日本',
    ]
    for (const name of odd) {
      const text = GOOD.replaceAll('"h"', JSON.stringify(name))
      const program = Program.from(text)
      expect(toArray(executor.run(program, { feed: { x: [2] }, fetch: [name] })[0])).toEqual([3])
      expect(Program.from(JSON.stringify(program.toJSON())).globalBlock().hasVar(name)).toBe(true)
      expect(String(program).split('\n').length, 'no name breaks a line of the listing').toBe(
        String(Program.from(GOOD)).split('\n').length,
      )
    }
  })
})

describe('verify', () => {
  const codes = (source: Json): string[] => verify(Program.from(source)).map((issue) => issue.code)
  const first = (source: Json): Json =>
    verify(Program.from(source)).find((issue) => issue.code.startsWith('E')) as unknown as Json

  test('the good program has no issue', () => {
    expect(verify(Program.from(GOOD))).toEqual([])
  })

  test.each<[string, Json, Json]>([
    [
      'an unknown operator, with the nearest name',
      changed(({ ops }) => {
        ops[1]!['type'] = 'rellu'
      }),
      {
        code: 'E401',
        category: 'Unimplemented',
        hint: expect.stringContaining('"relu"'),
        where: expect.objectContaining({ block: 0, op: 1 }),
      },
    ],
    [
      'an operator in capitals',
      changed(({ ops }) => {
        ops[1]!['type'] = 'ReLU'
      }),
      { code: 'E401', hint: expect.stringContaining('"relu"') },
    ],
    [
      'an unknown slot, with the nearest name',
      changed(({ ops }) => {
        ops[1]!.inputs = { x: ['h'] }
      }),
      {
        code: 'E205',
        category: 'NotFound',
        hint: expect.stringContaining('"X"'),
        where: expect.objectContaining({ op: 1, slot: 'x' }),
      },
    ],
    [
      'a missing slot',
      changed(({ ops }) => {
        ops[1]!.inputs = {}
      }),
      { code: 'E206', category: 'InvalidArgument', where: expect.objectContaining({ op: 1, slot: 'X' }) },
    ],
    [
      'an empty slot',
      changed(({ ops }) => {
        ops[1]!.inputs = { X: [] }
      }),
      { code: 'E206', where: expect.objectContaining({ op: 1, slot: 'X' }) },
    ],
    [
      'two variables where one is wanted',
      changed(({ ops }) => {
        ops[1]!.inputs = { X: ['h', 'x'] }
      }),
      { code: 'E206', where: expect.objectContaining({ op: 1, slot: 'X' }) },
    ],
    [
      'a variable that is not declared, with the nearest name',
      changed(({ ops }) => {
        ops[1]!.inputs = { X: ['hh'] }
      }),
      {
        code: 'E207',
        category: 'NotFound',
        hint: expect.stringContaining('"h"'),
        where: expect.objectContaining({ op: 1, slot: 'X', variable: 'hh' }),
      },
    ],
    [
      'an output that is not declared',
      changed(({ ops }) => {
        ops[1]!.outputs = { Out: ['yy'] }
      }),
      { code: 'E207', where: expect.objectContaining({ op: 1, variable: 'yy' }) },
    ],
    [
      'a use before the definition',
      changed(({ ops }) => {
        ops.reverse()
      }),
      { code: 'E220', category: 'PreconditionNotMet', where: expect.objectContaining({ op: 0, variable: 'h' }) },
    ],
    [
      'a variable that nobody writes',
      changed(({ vars, ops }) => {
        vars.push({ name: 'z', shape: [-1] })
        ops[1]!.inputs = { X: ['z'] }
      }),
      { code: 'E220', where: expect.objectContaining({ variable: 'z' }) },
    ],
    [
      'a shape that inference does not make',
      changed(({ vars }) => {
        vars[2]!['shape'] = [2, 2]
      }),
      { code: 'E222', where: expect.objectContaining({ op: 1, variable: 'y' }) },
    ],
    [
      'an element type that inference does not make',
      changed(({ vars }) => {
        vars[2]!['dtype'] = 'int32'
      }),
      { code: 'E222', where: expect.objectContaining({ op: 1, variable: 'y' }) },
    ],
    [
      'a block that is not there',
      changed(({ ops }) => {
        ops.push({ type: 'warp', inputs: {}, outputs: {}, attrs: { sub_block: 7 }, attr_types: { sub_block: 'BLOCK' } })
      }),
      { code: 'E401' },
    ],
  ])('%s', (_, source, wanted) => {
    expect(first(source)).toMatchObject(wanted)
  })

  test('J-16: a block index out of range, the own block, and one that is used twice', () => {
    const withBlock = (idx: number): Json =>
      changed(({ ops }) => {
        ops.push({
          type: 'warp',
          inputs: {},
          outputs: {},
          attrs: { sub_block: idx },
          attr_types: { sub_block: 'BLOCK' },
        })
      })
    for (const idx of [7, -1, 2147483647, 0]) {
      const issue = verify(Program.from(withBlock(idx))).find((found) => found.code === 'E221')
      expect(issue, `block ${idx}`).toMatchObject({ code: 'E221', where: { block: 0, op: 2 } })
    }
  })

  test('every fault of a program is found, not only the first', () => {
    const source = changed(({ ops, vars }) => {
      ops[0]!['type'] = 'scael'
      ops[1]!.inputs = { X: ['nobody'] }
      vars[2]!['dtype'] = 'int32'
    })
    expect(codes(source)).toEqual(expect.arrayContaining(['E401', 'E207']))
  })
})

describe('append', () => {
  /** A program with some variables, and what must not change in it. */
  function setting(): { program: Program; snapshot: () => unknown } {
    const program = new Program()
    const block = program.globalBlock()
    block.createVar({ name: 'x', shape: [2, 3], needCheckFeed: true, stopGradient: true })
    block.createVar({ name: 'w', shape: [4, 5], persistable: true })
    block.createVar({ name: 'ids', shape: [2, 1], dtype: 'int64' })
    block.createVar({ name: 'y', shape: [7], dtype: 'float64' })
    block.appendOp({ type: 'relu', inputs: { X: 'x' } })
    const { edits } = program
    return {
      program,
      snapshot: () => ({
        edits: program.edits - edits,
        json: JSON.stringify(program.toJSON()),
        vars: [...block.vars.values()].map(({ name, dtype, shape, stopGradient }) => [
          name,
          dtype,
          [...shape],
          stopGradient,
        ]),
        ops: block.ops.map((op) => op.id),
        writers: [...block.vars.keys()].map((name) => block.lastWriter(name)?.id),
        // A key that was never counted and one that counts from 0 give the same names.
        names: [...program.names.entries()].filter(([, next]) => next > 0),
      }),
    }
  }

  type Desc = Parameters<ReturnType<Program['globalBlock']>['appendOp']>[0]
  test.each<[string, Desc, Wanted]>([
    [
      'an unknown operator',
      { type: 'rellu', inputs: { X: 'x' } },
      { code: 'E204', category: 'NotFound', hint: /"relu"/, where: { block: 0, op: 1, opType: 'rellu' } },
    ],
    [
      'an operator named like a member of Object.prototype',
      { type: 'constructor' },
      { code: 'E204', category: 'NotFound' },
    ],
    [
      'an unknown input slot',
      { type: 'relu', inputs: { X: 'x', Y: 'x' } },
      { code: 'E205', category: 'NotFound', where: { op: 1, slot: 'Y' } },
    ],
    [
      'an unknown output slot',
      { type: 'relu', inputs: { X: 'x' }, outputs: { Out: 'y', Mask: 'y' } },
      { code: 'E205', category: 'NotFound', where: { slot: 'Mask' } },
    ],
    [
      'a missing input',
      { type: 'elementwise_add', inputs: { X: 'x' } },
      { code: 'E206', category: 'InvalidArgument', where: { op: 1, slot: 'Y' } },
    ],
    [
      'a number in a slot',
      { type: 'relu', inputs: { X: 5 as never } },
      { code: 'E206', category: 'InvalidArgument', where: { slot: 'X' }, text: /names, got 5/ },
    ],
    [
      'null in a slot',
      { type: 'relu', inputs: { X: [null as never] } },
      { code: 'E206', category: 'InvalidArgument', where: { slot: 'X' }, text: /got null/ },
    ],
    ['no inputs at all', { type: 'relu' }, { code: 'E206', category: 'InvalidArgument', where: { slot: 'X' } }],
    [
      'two variables where one is wanted',
      { type: 'relu', inputs: { X: ['x', 'w'] } },
      { code: 'E206', category: 'InvalidArgument', where: { slot: 'X' } },
    ],
    [
      'an undefined variable',
      { type: 'relu', inputs: { X: 'xx' } },
      { code: 'E207', category: 'NotFound', hint: /"x"/, where: { block: 0, variable: 'xx', slot: 'X' } },
    ],
    [
      'an unknown attribute',
      { type: 'softmax', inputs: { X: 'x' }, attrs: { axes: 1 } },
      { code: 'E209', category: 'NotFound', hint: /"axis"/ },
    ],
    [
      'an attribute as text',
      { type: 'softmax', inputs: { X: 'x' }, attrs: { axis: 'one' } },
      { code: 'E201', category: 'InvalidArgument', text: /attr axis.*whole number.*got one/ },
    ],
    [
      'an attribute of 1.5',
      { type: 'softmax', inputs: { X: 'x' }, attrs: { axis: 1.5 } },
      { code: 'E201', category: 'InvalidArgument' },
    ],
    [
      'an attribute beyond 32 bits',
      { type: 'softmax', inputs: { X: 'x' }, attrs: { axis: 2 ** 31 } },
      { code: 'E201', category: 'InvalidArgument' },
    ],
    [
      'null',
      { type: 'softmax', inputs: { X: 'x' }, attrs: { axis: null } },
      { code: 'E201', category: 'InvalidArgument' },
    ],
    [
      'a choice that is none',
      { type: 'dropout', inputs: { X: 'x' }, attrs: { dropout_implementation: 'sideways' } },
      { code: 'E201', category: 'InvalidArgument', text: /sideways/ },
    ],
    [
      'a probability above 1',
      { type: 'dropout', inputs: { X: 'x' }, attrs: { dropout_prob: 1.1 } },
      { code: 'E201', category: 'InvalidArgument' },
    ],
    [
      'a probability that is NaN',
      { type: 'dropout', inputs: { X: 'x' }, attrs: { dropout_prob: Number.NaN } },
      { code: 'E201', category: 'InvalidArgument' },
    ],
    [
      'a mandatory attribute left out',
      { type: 'transpose2', inputs: { X: 'x' } },
      { code: 'E201', category: 'InvalidArgument', text: /axis must be given/ },
    ],
    [
      'an axis out of range',
      { type: 'softmax', inputs: { X: 'x' }, attrs: { axis: 2 } },
      { code: 'E202', category: 'InvalidArgument', text: /\[-2, 1\].*\[2, 3\].*got 2/ },
    ],
    [
      'shapes that do not meet',
      { type: 'matmul_v2', inputs: { X: 'x', Y: 'w' } },
      {
        code: 'E203',
        category: 'InvalidArgument',
        where: { block: 0, op: 1, opType: 'matmul_v2' },
        text: /\[2, 3\].*\[4, 5\]/,
      },
    ],
    [
      'shapes that do not broadcast',
      { type: 'elementwise_add', inputs: { X: 'x', Y: 'w' } },
      { code: 'E203', category: 'InvalidArgument', text: /\[2, 3\].*\[4, 5\]/ },
    ],
    [
      'element types that differ',
      { type: 'elementwise_add', inputs: { X: 'x', Y: 'y' } },
      { code: 'E210', category: 'InvalidArgument', hint: /cast/ },
    ],
    [
      'an element type without kernel',
      { type: 'softmax', inputs: { X: 'ids' } },
      { code: 'E403', category: 'Unimplemented' },
    ],
    [
      'more than 2^31 - 1 elements',
      { type: 'reshape2', inputs: { X: 'x' }, attrs: { shape: [2147483647, 2147483647] } },
      { code: 'E203', category: 'InvalidArgument' },
    ],
    [
      'a wrong output beside a good one',
      { type: 'dropout', inputs: { X: 'x' }, outputs: { Out: 'new', Mask: ['a', 'b'] } },
      { code: 'E206', category: 'InvalidArgument', where: { slot: 'Mask' } },
    ],
    [
      'outputs that are made in the same call',
      { type: 'softmax', inputs: { X: 'x' }, outputs: { Out: 'new' }, attrs: { axis: 9 } },
      { code: 'E202', category: 'InvalidArgument' },
    ],
  ])('%s: a typed error, and the program is as it was', (_, desc, wanted) => {
    const { program, snapshot } = setting()
    const before = snapshot()
    for (const how of ['appendOp', 'prependOp'] as const) {
      const error = failure(() => program.globalBlock()[how](desc))
      const where =
        how === 'prependOp' && wanted.where?.['op'] !== undefined ? { ...wanted.where, op: 0 } : wanted.where
      expectError(error, { ...wanted, ...(where === undefined ? {} : { where }) })
      expect(error.where?.site ?? 'bad_input.test.ts').toContain('bad_input.test.ts')
      expect(snapshot()).toEqual(before)
    }
    program.globalBlock().appendOp({ type: 'softmax', inputs: { X: 'x' } })
    expect(program.globalBlock().ops).toHaveLength(2)
  })

  test('a failed append uses up no name: the next variable has the number that it would have had', () => {
    const { program } = setting()
    const block = program.globalBlock()
    failure(() => block.appendOp({ type: 'softmax', inputs: { X: 'x' }, attrs: { axis: 9 } }))
    expect(block.appendOp({ type: 'softmax', inputs: { X: 'x' } }).outputs['Out']).toEqual(['softmax_0.tmp_0'])
  })

  test('E208: a variable that exists, and nothing changes', () => {
    const { program, snapshot } = setting()
    const before = snapshot()
    expectError(
      failure(() => program.globalBlock().createVar({ name: 'x', shape: [9] })),
      {
        code: 'E208',
        category: 'AlreadyExists',
        where: { block: 0, variable: 'x' },
      },
    )
    expect(snapshot()).toEqual(before)
  })

  test('E207: asking for a variable that is not there names the nearest', () => {
    const { program } = setting()
    expectError(
      failure(() => program.globalBlock().var('idss')),
      {
        code: 'E207',
        category: 'NotFound',
        hint: /"ids"/,
        where: { block: 0, variable: 'idss' },
      },
    )
  })
})

describe('run', () => {
  const run = (source: Json, feed: Record<string, unknown>, fetch = ['y']): unknown =>
    executor.run(Program.from(source), { feed: feed as never, fetch })

  test.each<[string, Json, Json, Wanted]>([
    [
      'an unknown operator',
      changed(({ ops }) => {
        ops[1]!['type'] = 'rellu'
      }),
      { x: [1] },
      { code: 'E401', category: 'Unimplemented', hint: /"relu"/ },
    ],
    [
      'a missing slot',
      changed(({ ops }) => {
        ops[1]!.inputs = {}
      }),
      { x: [1] },
      { code: 'E206', category: 'InvalidArgument', where: { block: 0, op: 1, opType: 'relu' } },
    ],
    [
      'a missing output',
      changed(({ ops }) => {
        ops[1]!.outputs = {}
      }),
      { x: [1] },
      { code: 'E206', category: 'InvalidArgument', where: { block: 0, op: 1, opType: 'relu', slot: 'Out' } },
    ],
    [
      'an unknown slot',
      changed(({ ops }) => {
        ops[1]!.inputs = { X: ['h'], Scale: ['x'] }
      }),
      { x: [1] },
      { code: 'E205', category: 'NotFound', where: { block: 0, op: 1, opType: 'relu', slot: 'Scale' } },
    ],
    [
      'an unknown output slot',
      changed(({ ops }) => {
        ops[1]!.outputs = { Out: ['y'], Mask: ['h'] }
      }),
      { x: [1] },
      { code: 'E205', category: 'NotFound', where: { block: 0, op: 1, slot: 'Mask' } },
    ],
    [
      'an undefined variable',
      changed(({ ops }) => {
        ops[1]!.inputs = { X: ['hh'] }
      }),
      { x: [1] },
      { code: 'E207', category: 'NotFound', hint: /"h"/, where: { block: 0, op: 1, variable: 'hh' } },
    ],
    [
      'an undefined output',
      changed(({ ops }) => {
        ops[0]!.outputs = { Out: ['hh'] }
      }),
      { x: [1] },
      { code: 'E207', category: 'NotFound', where: { block: 0, op: 0, variable: 'hh' } },
    ],
    [
      'a feed that an operator overwrites before anything reads it',
      changed(() => {}),
      { x: [1], h: [5] },
      { code: 'E110', category: 'InvalidArgument', where: { variable: 'h' } },
    ],
    [
      'a use before the definition',
      changed(({ ops }) => {
        ops.reverse()
      }),
      { x: [1] },
      { code: 'E103', category: 'PreconditionNotMet', where: { block: 0, op: 0, opType: 'relu', variable: 'h' } },
    ],
    [
      'a shape that does not fit the declared one',
      changed(({ vars }) => {
        vars[0]!['shape'] = [4]
      }),
      { x: [1] },
      { code: 'E110', category: 'InvalidArgument', where: { variable: 'x' } },
    ],
    [
      'an axis that the run alone can refuse',
      changed(({ ops }) => {
        ops[1] = { type: 'softmax', inputs: { X: ['h'] }, outputs: { Out: ['y'] }, attrs: { axis: 1 } }
      }),
      { x: [1] },
      { code: 'E202', category: 'InvalidArgument', where: { block: 0, op: 1, opType: 'softmax' } },
    ],
    [
      'shapes that only the run knows to differ',
      changed(({ vars, ops }) => {
        vars.push({ name: 'z', shape: [-1], need_check_feed: true })
        ops[1] = { type: 'elementwise_add', inputs: { X: ['h'], Y: ['z'] }, outputs: { Out: ['y'] } }
      }),
      { x: [1, 2], z: [1, 2, 3] },
      { code: 'E203', category: 'InvalidArgument', where: { block: 0, op: 1 }, text: /\[2\].*\[3\]/ },
    ],
    [
      'element types that differ',
      changed(({ vars, ops }) => {
        vars.push({ name: 'z', shape: [-1], dtype: 'float64', need_check_feed: true })
        ops[1] = { type: 'elementwise_add', inputs: { X: ['h'], Y: ['z'] }, outputs: { Out: ['y'] } }
      }),
      { x: [1], z: [1] },
      { code: 'E210', category: 'InvalidArgument', where: { op: 1 } },
    ],
  ])('%s: a typed error from both engines, and nothing is written', (_, source, feed, wanted) => {
    const other = new Executor({ engine: 'interpreter', scope: executor.scope })
    const before = executor.scope.names()
    const { used } = executor.scope.heap
    expectError(
      failure(() => run(source, feed)),
      wanted,
    )
    expectError(
      failure(() => other.run(Program.from(source), { feed: feed as never, fetch: ['y'] })),
      wanted,
    )
    expect(executor.scope.names()).toEqual(before)
    expect(executor.scope.heap.used, 'the memory of the failed run is given back').toBeLessThanOrEqual(used + 4096)
  })

  test('J-30: an index of the data that is out of range, with position and value', () => {
    const source = changed(({ vars, ops }) => {
      vars.push(
        { name: 'p', shape: [-1, 3], need_check_feed: true },
        { name: 'label', dtype: 'int64', shape: [-1, 1], need_check_feed: true },
      )
      vars.push({ name: 'loss', shape: [-1, 1] })
      ops.push({ type: 'cross_entropy', inputs: { X: ['p'], Label: ['label'] }, outputs: { Y: ['loss'] } })
    })
    for (const label of [3, -1, 2 ** 31, 2n ** 62n]) {
      const feed = { x: [1], p: [[0.2, 0.3, 0.5]], label: [[label]] }
      const error = failure(() => run(source, feed, ['loss']))
      expect(error.where).toMatchObject({ block: 0, op: 2, opType: 'cross_entropy' })
      expect(error.message).toContain(`${label}`)
    }
  })

  test('J-19: sizes beyond what there is are refused before anything is allocated', () => {
    for (const [shape, code] of [
      [[65536, 65536], 'E213'],
      [[2147483647, 2], 'E213'],
      // 2^31 - 1 elements of 8 bytes: allowed as a shape, too much for a tensor of a run.
      [[2147483647], 'E604'],
    ] as const) {
      const program = new Program()
      const block = program.globalBlock()
      block.createVar({ name: 'big' })
      const { used } = executor.scope.heap
      const error = failure(() => {
        block.appendOp({ type: 'fill_constant', outputs: { Out: 'big' }, attrs: { shape, dtype: 'float64' } })
        executor.run(program)
      })
      expect(error.code, String(shape)).toBe(code)
      expect(executor.scope.heap.used).toBe(used)
    }
  })

  test('an operator that fails in the middle of many leaves the others to run again', () => {
    const source = changed(({ vars, ops }) => {
      vars.push({ name: 'kept', shape: [1], persistable: true })
      ops.push({ type: 'increment', inputs: { X: ['kept'] }, outputs: { Out: ['kept'] }, attrs: { step: 1 } })
      vars.push({ name: 'z', shape: [-1], need_check_feed: true }, { name: 'sum', shape: [-1] })
      ops.push({ type: 'elementwise_add', inputs: { X: ['y'], Y: ['z'] }, outputs: { Out: ['sum'] } })
    })
    const program = Program.from(source)
    executor.scope.set('kept', tensor([5]))
    const error = failure(() => executor.run(program, { feed: { x: [1, 2], z: [1, 2, 3] } }))
    expect(error.code).toBe('E203')
    // The plan knows all shapes before it runs anything.
    expect(toArray(executor.scope.get('kept'))).toEqual([5])
    const [sum] = executor.run(program, { feed: { x: [1, 2], z: [10, 20] }, fetch: ['sum'] })
    expect(toArray(sum)).toEqual([11, 23])
    expect(toArray(executor.scope.get('kept'))).toEqual([6])
    executor.scope.delete('kept')
  })
})

test('a recorded program with any one operator taken out is a typed error or runs', { timeout: 60_000 }, () => {
  const json = readGolden<{ blocks: { ops: unknown[] }[] }>('programs/mlp_adam/main.json.gz')
  const startup = Program.from(readGolden('programs/mlp_adam/startup.json.gz'))
  const [feed] = readGolden<Record<string, { dtype: 'float32' | 'int64'; shape: number[]; data?: number[] }>[]>(
    'programs/mlp_adam/feeds.json.gz',
  )
  const shape = feed!['x']!.shape
  const given = { x: new Float32Array(shape[0]! * shape[1]!).fill(0.5), y: new BigInt64Array(shape[0]!) }
  const { ops } = json.blocks[0]!
  let failed = 0
  ops.forEach((_, i) => {
    const program = Program.from({ ...json, blocks: [{ ...json.blocks[0]!, ops: ops.filter((_op, k) => k !== i) }] })
    const own = new Executor({ scope: executor.scope })
    own.run(startup)
    try {
      own.run(program, { feed: given, fetch: ['mean_0.tmp_0'] })
    } catch (error) {
      expect(error, `without operator ${i}`).toBeInstanceOf(EnforceError)
      failed++
    }
  })
  // Every operator but the optimizer's last ones is needed by another, or by the fetch.
  expect(failed).toBeGreaterThanOrEqual(ops.length - 8)
})
