import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EnforceError } from '../../src/errors.ts'
import { parseJsonText, toJsonText } from '../../src/framework/json_text.ts'
import { LIMITS } from '../../src/framework/limits.ts'
import {
  attrValueProblem,
  type ProgramJson,
  programJsonIssues,
  readProgramJson,
  stringifyProgramJson,
  validateProgramJson,
} from '../../src/framework/program_json.ts'
import { programJsonSchema } from '../../src/framework/program_json_schema.ts'
import { ATTR_TYPES, VAR_TYPES } from '../../src/framework/program_schema.ts'
import { schemaFiles } from '../../tools/make_schema.ts'

/** The example of program-json.md with one of everything else. */
const TEXT = `{
  "$schema": "./program.schema.json",
  "format": "oarlock-program",
  "format_version": 1,
  "blocks": [
    {
      "idx": 0, "parent_idx": -1, "forward_block_idx": -1,
      "vars": [
        { "name": "x", "type": "LOD_TENSOR", "dtype": "float32", "shape": [-1, 4], "lod_level": 0,
          "persistable": false, "need_check_feed": true, "is_parameter": false, "stop_gradient": true },
        { "name": "fc_0.w_0", "shape": [4, 3], "persistable": true, "is_parameter": true,
          "x_param": { "learning_rate": 0.5, "regularizer": { "type": "L2Decay", "coeff": 0.0001 } } },
        { "name": "fc_0.tmp_0", "shape": [-1, 3] },
        { "name": "z", "dtype": "complex128" },
        { "name": "feed", "type": "FEED_MINIBATCH" }
      ],
      "ops": [
        { "type": "mul", "inputs": { "X": ["x"], "Y": ["fc_0.w_0"] }, "outputs": { "Out": ["fc_0.tmp_0"] },
          "attrs": { "y_num_col_dims": 1, "x_num_col_dims": 1, "op_role": 0 } },
        { "type": "custom", "inputs": { "B": [], "A": ["x", "x"] }, "is_target": true, "$note": [{ "a": 1 }],
          "attrs": { "f": 0.5, "minus": -0, "nan": "NaN", "long": "9223372036854775807", "big": 1e20, "list": [1, -0, 1e20],
            "texts": ["a", "é"], "flags": [true, false], "empty": [], "sub_block": 1,
            "scalar": { "scalar": "COMPLEX128", "value": [1, "Infinity"] },
            "scalars": { "scalar": "LONG", "values": [1, "9223372036854775807"] },
            "mixed": [{ "scalar": "BOOLEAN", "value": true }, { "scalar": "FLOAT64", "value": -0.5 }] },
          "attr_types": { "minus": "FLOAT", "long": "LONG", "scalar": "SCALAR", "sub_block": "BLOCK" } }
      ]
    },
    { "idx": 1, "parent_idx": 0, "forward_block_idx": 0, "ops": [], "x_name": "body" }
  ],
  "version": 2006002,
  "op_versions": { "adam": 1 },
  "random_seed": 7,
  "x_lr_scheduler": { "type": "StepDecay", "var": "learning_rate_0" }
}
`
const CANONICAL = `{"format":"oarlock-program","format_version":1,
"blocks":[
{"idx":0,"parent_idx":-1,
"vars":[
{"name":"x","shape":[-1,4],"need_check_feed":true,"stop_gradient":true},
{"name":"fc_0.w_0","shape":[4,3],"persistable":true,"is_parameter":true,"x_param":{"learning_rate":0.5,"regularizer":{"type":"L2Decay","coeff":0.0001}}},
{"name":"fc_0.tmp_0","shape":[-1,3]},
{"name":"z","dtype":"complex128"},
{"name":"feed","type":"FEED_MINIBATCH"}
],
"ops":[
{"type":"mul","inputs":{"X":["x"],"Y":["fc_0.w_0"]},"outputs":{"Out":["fc_0.tmp_0"]},"attrs":{"op_role":0,"x_num_col_dims":1,"y_num_col_dims":1}},
{"type":"custom","inputs":{"A":["x","x"],"B":[]},"attrs":{"big":1e+20,"empty":[],"f":0.5,"flags":[true,false],"list":[1,-0,1e+20],"long":"9223372036854775807","minus":-0,"mixed":[{"scalar":"BOOLEAN","value":true},{"scalar":"FLOAT64","value":-0.5}],"nan":"NaN","scalar":{"scalar":"COMPLEX128","value":[1,"Infinity"]},"scalars":{"scalar":"LONG","values":[1,"9223372036854775807"]},"sub_block":1,"texts":["a","é"]},"attr_types":{"long":"LONG","minus":"FLOAT","scalar":"SCALAR","sub_block":"BLOCK"},"is_target":true,"$note":[{"a":1}]}
]},
{"idx":1,"parent_idx":0,"forward_block_idx":0,
"ops":[
],"x_name":"body"}
],
"version":2006002,"op_versions":{"adam":1},"random_seed":7,"$schema":"./program.schema.json","x_lr_scheduler":{"type":"StepDecay","var":"learning_rate_0"}}
`

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
const sample = (): Record<string, never> & { blocks: never[] } => JSON.parse(TEXT)

/** A minimal program with one variable and one operator, changed. */
function program(change: { program?: object; block?: object; variable?: object; op?: object } = {}): unknown {
  return {
    format: 'oarlock-program',
    format_version: 1,
    blocks: [
      {
        idx: 0,
        parent_idx: -1,
        vars: [{ name: 'x', ...change.variable }],
        ops: [{ type: 'relu', ...change.op }],
        ...change.block,
      },
    ],
    ...change.program,
  }
}
const brief = (value: unknown, options?: Parameters<typeof programJsonIssues>[1]) =>
  programJsonIssues(value, options).map(({ code, pointer }) => `${code} ${pointer}`)

function refusal(body: () => unknown): EnforceError {
  try {
    body()
  } catch (error) {
    if (error instanceof EnforceError) return error
    throw error
  }
  throw new Error('was accepted')
}

describe('a good program', () => {
  test('passes, as the same object, and reads back from its canonical text', () => {
    const value = sample()
    expect(programJsonIssues(value)).toEqual([])
    expect(validateProgramJson(value)).toBe(value)
    expect(readProgramJson(TEXT)).toEqual(value)
    expect(stringifyProgramJson(readProgramJson(TEXT))).toBe(CANONICAL)
    expect(stringifyProgramJson(readProgramJson(CANONICAL))).toBe(CANONICAL)
  })

  test('canonical text keeps everything but defaults', () => {
    const defaults = new Map<string, Json>(
      Object.entries({ type: 'LOD_TENSOR', dtype: 'float32', forward_block_idx: -1, lod_level: 0 } as Record<
        string,
        Json
      >),
    )
    const strip = (value: Json): Json => {
      if (Array.isArray(value)) return value.map(strip)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value)
          .filter(
            ([name, member]) =>
              member !== defaults.get(name) && !(member === false && /^(persis|need|is_p|stop)/.test(name)),
          )
          .map(([name, member]) => [name, strip(member)]),
      )
    }
    expect(JSON.parse(CANONICAL)).toEqual(strip(sample()))
  })

  test('every variable type, element type and AttrType passes', () => {
    const schema = programJsonSchema() as never as {
      properties: { blocks: { items: { properties: Record<string, never> } } }
    }
    const { dtype } = (
      schema.properties.blocks.items.properties['vars'] as { items: { properties: Record<string, { enum: string[] }> } }
    ).items.properties
    for (const name of dtype!.enum) expect(brief(program({ variable: { dtype: name } }))).toEqual([])
    expect(dtype!.enum).toContain('complex64')
    for (const type of Object.keys(VAR_TYPES)) expect(brief(program({ variable: { type } }))).toEqual([])
    for (const type of ATTR_TYPES) expect(brief(program({ op: { attr_types: { a: type } } }))).toEqual([])
    expect(ATTR_TYPES.indexOf('SCALARS')).toBe(17)
  })

  test('members that objects have already are names like any other', () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    const names = ['constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']
    for (const name of names) {
      const value = program({
        variable: { name },
        op: { type: name, inputs: { [name]: [name] }, attrs: { [name]: 1 }, attr_types: { [name]: 'INT' } },
        program: { op_versions: { [name]: 1 } },
      })
      expect(brief(value)).toEqual([])
      expect(stringifyProgramJson(readProgramJson(stringifyProgramJson(value as ProgramJson)))).toContain(
        `"attrs":{"${name}":1}`,
      )
    }
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
  })

  test('__proto__ is a variable, an operator type, a part of kept members, but no name of a map or member', () => {
    const good =
      '{"format":"oarlock-program","format_version":1,"blocks":[{"idx":0,"parent_idx":-1,"vars":[{"name":"__proto__"}],"ops":[{"type":"__proto__","inputs":{"X":["__proto__"]},"x_a":{"__proto__":{"polluted":1}}}]}]}'
    const kept = readProgramJson(good)
    expect(stringifyProgramJson(kept)).toContain('"x_a":{"__proto__":{"polluted":1}}')
    for (const [part, pointer] of [
      ['"attrs":{"__proto__":1}', '/blocks/0/ops/0/attrs/__proto__'],
      ['"attrs":{"\\u005f_proto__":{"polluted":1}}', '/blocks/0/ops/0/attrs/__proto__'],
      ['"inputs":{"__proto__":[]}', '/blocks/0/ops/0/inputs/__proto__'],
      ['"outputs":{"__proto__":[]}', '/blocks/0/ops/0/outputs/__proto__'],
      ['"attr_types":{"__proto__":"INT"}', '/blocks/0/ops/0/attr_types/__proto__'],
      ['"__proto__":{"polluted":1}', '/blocks/0/ops/0/__proto__'],
    ] as const) {
      const text = `{"format":"oarlock-program","format_version":1,"blocks":[{"idx":0,"parent_idx":-1,"ops":[{"type":"a",${part}}]}]}`
      const error = refusal(() => readProgramJson(text))
      expect([error.code, error.where?.pointer, error.where?.line]).toEqual(['E506', pointer, 1])
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('strange names: kept apart and escaped', () => {
    const names = [
      '\u00e9',
      'e\u0301',
      'a\0b',
      '\ud800',
      '\u202ea',
      '\u0301'.repeat(1000),
      '"',
      '\n',
      "a';process.exit()//",
    ]
    const value = program({ block: { vars: names.map((name) => ({ name })) } })
    expect(brief(value)).toEqual([])
    const text = stringifyProgramJson(value as ProgramJson)
    expect(readProgramJson(text).blocks[0]!.vars!.map(({ name }) => name)).toEqual(names)
    expect(text).toContain('"a\\u0000b"')
    expect(text).toContain('"\\ud800"')
  })
})

describe('E504, E505: what is no program of this version', () => {
  test.each<[string, unknown, string]>([
    ['nothing', null, 'E504 '],
    ['a number', 5, 'E504 '],
    ['text', 'oarlock-program', 'E504 '],
    ['a list', [], 'E504 '],
    ['an empty object', {}, 'E504 '],
    ['another format', { format: 'onnx', format_version: 1, blocks: [] }, 'E504 /format'],
    ['format null', { format: null, blocks: 5 }, 'E504 /format'],
    ['no version', { format: 'oarlock-program', blocks: 5 }, 'E505 '],
    ['version 2', { format: 'oarlock-program', format_version: 2, blocks: 5 }, 'E505 /format_version'],
    ['version "1"', { format: 'oarlock-program', format_version: '1', blocks: 5 }, 'E505 /format_version'],
  ])('%s', (_name, value, issue) => {
    expect(brief(value)).toEqual([issue])
    expect(refusal(() => validateProgramJson(value)).category).toBe('InvalidArgument')
  })

  test('hints', () => {
    const hint = (value: unknown) => programJsonIssues(value)[0]!.hint
    expect(hint({ base_code: {}, program: {} })).toMatch(/Paddle 3/)
    expect(hint({ dtype: 'float32', shape: [1], data: [1] })).toMatch(/tensor/)
    expect(hint({ fromat: 'oarlock-program' })).toBe('did you mean "format" by "fromat"?')
    expect(hint({ format: 'oarlock-program', format_version: 2 })).toMatch(/newer/)
  })
})

describe('E506: shape of the file', () => {
  test.each<[object, string[]]>([
    [{ blocks: undefined }, ['E506 /blocks']],
    [{ blocks: {} }, ['E506 /blocks']],
    [{ blocks: [5] }, ['E506 /blocks/0']],
    [{ blocks: [[]] }, ['E506 /blocks/0']],
    [{ blocks: [{}] }, ['E506 /blocks/0', 'E506 /blocks/0', 'E506 /blocks/0']],
    [{ version: -1 }, ['E506 /version']],
    [{ version: '1' }, ['E506 /version']],
    [{ op_versions: [] }, ['E506 /op_versions']],
    [{ op_versions: { adam: 1.5, sgd: 1 } }, ['E506 /op_versions/adam']],
    [{ random_seed: -1 }, ['E506 /random_seed']],
    [{ random_seed: 2 ** 53 }, ['E506 /random_seed']],
    [{ vars: [] }, ['E506 /vars']],
    [{ X_a: 1 }, ['E506 /X_a']],
    [{ 'a/b~': 1 }, ['E506 /a~1b~0']],
  ])('program %j', (change, issues) => {
    expect(brief(program({ program: change }))).toEqual(issues)
  })

  test.each<[object, string[]]>([
    [{ idx: 1.5 }, ['E506 /blocks/0/idx']],
    [{ idx: '0' }, ['E506 /blocks/0/idx']],
    [{ parent_idx: -2 }, ['E506 /blocks/0/parent_idx', 'E507 /blocks/0/parent_idx']],
    [{ parent_idx: 2 ** 31 }, ['E506 /blocks/0/parent_idx', 'E507 /blocks/0/parent_idx']],
    [{ parent_idx: null }, ['E506 /blocks/0/parent_idx']],
    [{ ops: null }, ['E506 /blocks/0/ops']],
    [{ ops: [null, 'relu', []] }, ['E506 /blocks/0/ops/0', 'E506 /blocks/0/ops/1', 'E506 /blocks/0/ops/2']],
    [{ vars: { x: {} } }, ['E506 /blocks/0/vars']],
    [{ vars: ['x'] }, ['E506 /blocks/0/vars/0']],
    [{ variables: [] }, ['E506 /blocks/0/variables']],
  ])('block %j', (change, issues) => {
    expect(brief(program({ block: change }))).toEqual(issues)
  })

  test.each<[object, string]>([
    [{ name: 5 }, '/name'],
    [{ name: '' }, '/name'],
    [{ type: 'LodTensor' }, '/type'],
    [{ type: 7 }, '/type'],
    [{ type: 'FP32' }, '/type'],
    [{ dtype: 'float' }, '/dtype'],
    [{ dtype: 5 }, '/dtype'],
    [{ dtype: 'toString' }, '/dtype'],
    [{ shape: 4 }, '/shape'],
    [{ shape: null }, '/shape'],
    [{ shape: [-2] }, '/shape/0'],
    [{ shape: [1, 1.5] }, '/shape/1'],
    [{ shape: ['3'] }, '/shape/0'],
    [{ shape: [null] }, '/shape/0'],
    [{ shape: [[1]] }, '/shape/0'],
    [{ shape: [2 ** 31] }, '/shape/0'],
    [{ shape: [2 ** 53] }, '/shape/0'],
    [{ shape: [Number.NaN] }, '/shape/0'],
    [{ shape: [Infinity] }, '/shape/0'],
    [{ shape: Array(10).fill(1) }, '/shape'],
    [{ lod_level: -1 }, '/lod_level'],
    [{ persistable: 1 }, '/persistable'],
    [{ stop_gradient: 'true' }, '/stop_gradient'],
    [{ persistent: true }, '/persistent'],
  ])('variable %j', (change, pointer) => {
    expect(brief(program({ variable: change }))).toEqual([`E506 /blocks/0/vars/0${pointer}`])
  })

  test('shapes that are right, and a rank of a million', () => {
    expect(brief(program({ variable: { shape: Array(1_000_000).fill(-2) } }))).toEqual(['E506 /blocks/0/vars/0/shape'])
    for (const shape of [[], [0], [-1, -1], [1, 2, 3, 4, 5, 6, 7, 8, 9], [2 ** 31 - 1], [-0]]) {
      expect(brief(program({ variable: { shape } }))).toEqual([])
    }
  })

  test.each<[object, string[]]>([
    [{ type: undefined }, ['/type']],
    [{ type: '' }, ['/type']],
    [{ inputs: [] }, ['/inputs']],
    [{ inputs: { X: 'x' } }, ['/inputs/X']],
    [{ inputs: { X: null, Y: ['y'] } }, ['/inputs/X']],
    [{ outputs: { 'a/b': ['x', 5, null] } }, ['/outputs/a~1b/1', '/outputs/a~1b/2']],
    [{ attrs: null }, ['/attrs']],
    [{ attrs: { a: null } }, ['/attrs/a']],
    [{ attrs: { a: [[1]] } }, ['/attrs/a/0']],
    [{ attrs: { a: [1, null] } }, ['/attrs/a/1']],
    [{ attrs: { a: {} } }, ['/attrs/a']],
    [{ attrs: { a: Number.NaN } }, ['/attrs/a']],
    [{ attrs: { a: [1, Infinity] } }, ['/attrs/a/1']],
    [{ attrs: { a: { scalar: 'INT', value: 1 } } }, ['/attrs/a/scalar']],
    [{ attrs: { a: { scalar: 'toString', value: 1 } } }, ['/attrs/a/scalar']],
    [{ attrs: { a: { scalar: 'LONG', value: 1.5 } } }, ['/attrs/a/value']],
    [{ attrs: { a: { scalar: 'LONG', value: '1e3' } } }, ['/attrs/a/value']],
    [{ attrs: { a: { scalar: 'BOOLEAN', value: 0 } } }, ['/attrs/a/value']],
    [{ attrs: { a: { scalar: 'FLOAT64', value: '1' } } }, ['/attrs/a/value']],
    [{ attrs: { a: { scalar: 'COMPLEX128', value: [1] } } }, ['/attrs/a/value']],
    [{ attrs: { a: { scalar: 'LONG', value: 1, unit: 'm' } } }, ['/attrs/a/unit']],
    [{ attrs: { a: { scalar: 'LONG' } } }, ['/attrs/a']],
    [{ attrs: { a: { scalar: 'LONG', values: [1, 2.5] } } }, ['/attrs/a/values/1']],
    [{ attrs: { a: [{ scalar: 'LONG', values: [1] }] } }, ['/attrs/a/0/values', '/attrs/a/0']],
    [{ attr_types: { a: 'int', b: 0, c: 'INT' } }, ['/attr_types/a', '/attr_types/b']],
    [{ is_target: 1 }, ['/is_target']],
    [{ name: 'relu_0', attr: {} }, ['/name', '/attr']],
  ])('operator %j', (change, pointers) => {
    const found = brief(program({ op: change }))
    for (const pointer of pointers) expect(found).toContain(`E506 /blocks/0/ops/0${pointer}`)
  })

  test('the error: message, place, nearest names', () => {
    const text = TEXT.replace('"inputs": { "X"', '"input": { "X"').replace('"shape": [-1, 3]', '"shape": [-1, "3"]')
    const error = refusal(() => readProgramJson(text, { file: 'net.json' }))
    expect(error.toJSON()).toEqual({
      category: 'InvalidArgument',
      code: 'E506',
      message:
        'shape.1 of a variable must be a dimension: a whole number from 0 to 2147483647, or -1 for one that the run knows, got "3" (and 1 other fault)',
      where: { file: 'net.json', line: 13, column: 47, pointer: '/blocks/0/vars/2/shape/1', block: 0 },
      expected: 'a dimension: a whole number from 0 to 2147483647, or -1 for one that the run knows',
      got: '3',
    })
    const issues = programJsonIssues(parseJsonText(text).value)
    expect(issues[1]).toMatchObject({
      pointer: '/blocks/0/ops/0/input',
      message: 'an operator has no member "input"',
      hint: 'did you mean "inputs"?',
    })
    const operator = refusal(() => readProgramJson(TEXT.replace('"type": "mul"', '"typ": "mul"')))
    expect(operator.where).toEqual({ line: 18, column: 9, pointer: '/blocks/0/ops/0', block: 0, op: 0 })
    expect(operator.hint).toBe('did you mean "type" by "typ"?')
    expect(programJsonIssues(program({ op: { attrs: { a: { value: 1 } } } }))[0]!.message).toBe(
      'attrs.a of an operator must have a member "scalar"',
    )
    expect(programJsonIssues(program({ variable: { dtype: 'flaot32' } }))[0]!.hint).toMatch(/"float32"/)
    expect(programJsonIssues(program({ variable: { type: 'LODTENSOR' } }))[0]!.hint).toMatch(/"LOD_TENSOR"/)
  })

  test('all faults are collected, in order, at most 100', () => {
    expect(
      brief(program({ variable: { dtype: 'x' }, op: { type: 5, attrs: { a: null } }, program: { random_seed: 'a' } })),
    ).toEqual([
      'E506 /random_seed',
      'E506 /blocks/0/vars/0/dtype',
      'E506 /blocks/0/ops/0/type',
      'E506 /blocks/0/ops/0/attrs/a',
    ])
    expect(programJsonIssues(program({ block: { ops: Array(500_000).fill(0) } }))).toHaveLength(100)
    expect(programJsonIssues(program({ op: { inputs: { X: Array(60_000).fill(0) } } }))).toHaveLength(100)
    expect(programJsonIssues(program({ op: { attrs: { X: Array(60_000).fill(null) } } }))).toHaveLength(100)
    expect(
      programJsonIssues(program({ op: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 0])) })),
    ).toHaveLength(100)
  })
})

describe('E507, E508: blocks and names', () => {
  const block = (idx: unknown, parent: unknown, more: object = {}) => ({ idx, parent_idx: parent, ops: [], ...more })
  const blocks = (...list: object[]) => program({ program: { blocks: list } })

  test.each<[string, object[], string[]]>([
    ['none', [], ['E507 /blocks']],
    ['first is 1', [block(1, -1)], ['E507 /blocks/0/idx']],
    ['two with idx 0', [block(0, -1), block(0, 0)], ['E507 /blocks/1/idx']],
    ['swapped', [block(1, -1), block(0, 0)], ['E507 /blocks/0/idx', 'E507 /blocks/1/idx']],
    ['block 0 has a parent', [block(0, 0)], ['E507 /blocks/0/parent_idx']],
    ['two roots', [block(0, -1), block(1, -1)], ['E507 /blocks/1/parent_idx']],
    ['own parent', [block(0, -1), block(1, 1)], ['E507 /blocks/1/parent_idx']],
    ['parent comes later', [block(0, -1), block(1, 2), block(2, 0)], ['E507 /blocks/1/parent_idx']],
    ['parent does not exist', [block(0, -1), block(1, 99)], ['E507 /blocks/1/parent_idx']],
    ['forward block does not exist', [block(0, -1, { forward_block_idx: 1 })], ['E507 /blocks/0/forward_block_idx']],
    ['forward block -2', [block(0, -1, { forward_block_idx: -2 })], ['E506 /blocks/0/forward_block_idx']],
    ['right', [block(0, -1), block(1, 0), block(2, 1, { forward_block_idx: 1 }), block(3, 0)], []],
  ])('%s', (_name, list, issues) => {
    expect(brief(blocks(...list))).toEqual(issues)
  })

  test('a name twice in one block; the same name in two blocks is right', () => {
    const vars = [{ name: 'a' }, { name: 'b' }, { name: 'a' }, { name: '__proto__' }, { name: '__proto__' }]
    const issues = programJsonIssues(blocks(block(0, -1, { vars }), block(1, 0, { vars: [{ name: 'a' }] })))
    expect(issues).toMatchObject([
      {
        code: 'E508',
        pointer: '/blocks/0/vars/2/name',
        got: 'a',
        message: expect.stringContaining('first at /blocks/0/vars/0'),
      },
      { code: 'E508', pointer: '/blocks/0/vars/4/name', got: '__proto__' },
    ])
  })
})

describe('E602, E603: limits', () => {
  test('nesting in kept members of objects given in code: 64 levels pass, 65 do not', () => {
    const nest = (levels: number): unknown => {
      let value: unknown = 0
      for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value }
      return value
    }
    // The program is level 1, a block 3, a variable or operator 5.
    for (const [place, level, pointer] of [
      ['program', 1, ''],
      ['block', 3, '/blocks/0'],
      ['variable', 5, '/blocks/0/vars/0'],
      ['op', 5, '/blocks/0/ops/0'],
    ] as const) {
      const good = program({ [place]: { x_deep: [1, nest(64 - level - 1)] } })
      expect(brief(good)).toEqual([])
      expect(parseJsonText(JSON.stringify(good)).value).toEqual(good)
      const bad = program({ [place]: { x_deep: [1, nest(64 - level)] } })
      const [issue] = programJsonIssues(bad)
      expect(issue!.code).toBe('E602')
      expect(issue!.pointer.startsWith(`${pointer}/x_deep/1/`)).toBe(true)
      const fromText = refusal(() => parseJsonText(JSON.stringify(bad)))
      expect([fromText.code, fromText.where?.pointer]).toEqual(['E602', issue!.pointer])
    }
    expect(refusal(() => validateProgramJson(program({ program: { $a: nest(200_000) } }))).category).toBe(
      'ResourceExhausted',
    )
  })

  test('objects that contain themselves or each other many times', () => {
    const loop: unknown[] = []
    loop.push(1, loop)
    expect(brief(program({ op: { x_loop: loop } }))).toEqual([`E602 /blocks/0/ops/0/x_loop${'/1'.repeat(59)}`])
    let wide: unknown = [0]
    for (let i = 0; i < 40; i++) wide = [wide, wide]
    expect(brief(program({ op: { x_wide: wide } }), { limits: { programBytes: 1e6 } })).toEqual([
      'E603 /blocks/0/ops/0/x_wide',
    ])
    expect(brief(program({ op: { x_long: Array(1_000_000).fill(0) } }))).toEqual([])
  })

  test.each<[string, unknown, string]>([
    ['blocks', program({ program: { blocks: Array(1025).fill(0) } }), '/blocks'],
    ['ops', program({ block: { ops: Array(1_000_001).fill(0) } }), '/blocks/0/ops'],
    ['vars', program({ block: { vars: Array(2_000_001).fill(0) } }), '/blocks/0/vars'],
    ['name of a variable', program({ variable: { name: 'a'.repeat(1025) } }), '/blocks/0/vars/0/name'],
    ['operator type', program({ op: { type: 'a'.repeat(1025) } }), '/blocks/0/ops/0/type'],
    [
      'slot name',
      program({ op: { inputs: { ['a'.repeat(1025)]: [] } } }),
      `/blocks/0/ops/0/inputs/${'a'.repeat(1025)}`,
    ],
    ['name in a slot', program({ op: { outputs: { X: ['', 'a'.repeat(1025)] } } }), '/blocks/0/ops/0/outputs/X/1'],
    ['names in a slot', program({ op: { inputs: { X: Array(65_537).fill('x') } } }), '/blocks/0/ops/0/inputs/X'],
    ['list', program({ op: { attrs: { shape: Array(65_537).fill(1) } } }), '/blocks/0/ops/0/attrs/shape'],
    ['text', program({ op: { attrs: { s: 'a'.repeat(65_537) } } }), '/blocks/0/ops/0/attrs/s'],
    ['text in a list', program({ op: { attrs: { s: ['', 'a'.repeat(65_537)] } } }), '/blocks/0/ops/0/attrs/s/1'],
  ])('%s', (_name, value, pointer) => {
    expect(brief(value)).toEqual([`E603 ${pointer}`])
    const error = refusal(() => validateProgramJson(value))
    expect(error.category).toBe('ResourceExhausted')
    expect(error.hint).toMatch(/^raise the limit `\w+`$/)
  })

  test('what is allowed at the limit', () => {
    expect(brief(program({ variable: { name: 'a'.repeat(1024) }, op: { type: 'a'.repeat(1024) } }))).toEqual([])
    expect(brief(program({ op: { inputs: { X: Array(65_536).fill('x') } } }))).toEqual([])
    expect(brief(program({ op: { attrs: { shape: Array(65_536).fill(1), s: 'a'.repeat(65_536) } } }))).toEqual([])
    expect(
      brief(program({ op: { attrs: { fp32_values: Array(1_000_000).fill(0.5), values: Array(65_537).fill(1) } } })),
    ).toEqual([])
    expect(brief(program({ op: { attrs: { v: { scalar: 'LONG', values: Array(65_537).fill(1) } } } }))).toEqual([
      'E603 /blocks/0/ops/0/attrs/v',
    ])
    const chain = (length: number) =>
      program({ program: { blocks: Array.from({ length }, (_, i) => ({ idx: i, parent_idx: i - 1, ops: [] })) } })
    expect(brief(chain(32))).toEqual([])
    expect(brief(chain(33))).toEqual(['E603 /blocks/32/parent_idx'])
    expect(brief(program({ op: { type: 'abc' } }), { limits: { nameLength: 2 } })).toEqual([
      'E603 /blocks/0/ops/0/type',
    ])
  })

  test('the defaults are fixed', () => {
    expect(Object.isFrozen(LIMITS)).toBe(true)
    expect(LIMITS).toMatchObject({
      programBytes: 67_108_864,
      nesting: 64,
      blocks: 1024,
      ops: 1_000_000,
      vars: 2_000_000,
      rank: 9,
    })
  })
})

describe('text', () => {
  test('a program cut off at any byte is refused as text that ends too early', () => {
    const bytes = new TextEncoder().encode(CANONICAL)
    for (let end = 1; end < bytes.length - 1; end++) {
      const error = refusal(() => readProgramJson(bytes.subarray(0, end)))
      expect([end, error.code, error.summary]).toEqual([end, 'E501', 'not JSON: the text ends too early'])
      expect(error.where?.line).toBeGreaterThan(0)
    }
  })

  test('any one byte changed: the program is read, or a typed error says where', () => {
    const bytes = new TextEncoder().encode(CANONICAL)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = bytes.slice()
        changed[at] = byte
        try {
          stringifyProgramJson(readProgramJson(changed))
        } catch (error) {
          if (!(error instanceof EnforceError)) throw error
          expect(error.code).toMatch(/^E(50[1-8]|60[23])$/)
          expect(error.where?.pointer).toBeDefined()
          expect(error.where?.line).toBeDefined()
        }
      }),
      { numRuns: 3000, seed: 21 },
    )
  })

  test('J-07: 64-bit integers are exact, as strings and as numbers', () => {
    const text = (value: string) => CANONICAL.replace('"op_role":0', `"op_role":${value}`)
    for (const good of [
      '"9223372036854775807"',
      '"-9223372036854775808"',
      '9007199254740992',
      '1e3',
      '1.0',
      '-0',
      '0e-400',
      '9007199254740993',
      '-9223372036854775808',
    ]) {
      expect(stringifyProgramJson(readProgramJson(text(good)))).toContain(
        `"op_role":${good.startsWith('"') ? good : Math.abs(Number(good)) >= 2 ** 53 ? `"${good}"` : JSON.stringify(Number(good)).replace(/^0$/, good === '-0' ? '-0' : '0')}`,
      )
    }
    for (const bad of ['9223372036854775808', '-9223372036854775809', '1e400', '1e-400']) {
      const error = refusal(() => readProgramJson(text(bad)))
      expect([error.code, error.where?.pointer, error.where?.line]).toEqual([
        'E503',
        '/blocks/0/ops/0/attrs/op_role',
        12,
      ])
    }
  })

  test.each([
    ['"type":"mul"', '"type":"mul","\\u0074ype":"mul"', '/blocks/0/ops/0/type', 12],
    ['"op_role":0', '"op_role":0,"op_role":1', '/blocks/0/ops/0/attrs/op_role', 12],
    ['{"name":"z"', '{"name":"z","name":"z"', '/blocks/0/vars/3/name', 8],
    ['"random_seed":7', '"random_seed":7,"version":1', '/version', 19],
  ])('a member given twice: %s', (from, to, pointer, line) => {
    const error = refusal(() => readProgramJson(CANONICAL.replace(from, to)))
    expect([error.code, error.where?.pointer, error.where?.line]).toEqual(['E502', pointer, line])
  })

  test('100,000 operators: read, validated and written', () => {
    const make = (count: number): ProgramJson => ({
      format: 'oarlock-program',
      format_version: 1,
      blocks: [
        {
          idx: 0,
          parent_idx: -1,
          vars: Array.from({ length: count }, (_, i) => ({ name: `v${i}`, shape: [-1, 8] })),
          ops: Array.from({ length: count }, (_, i) => ({
            type: 'scale',
            inputs: { X: [`v${i}`] },
            outputs: { Out: [`v${i + 1}`] },
            attrs: { op_role: 0, op_role_var: [], scale: 1.5, text: 'x'.repeat(400) },
            attr_types: { text: 'STRING' },
          })),
        },
      ],
    })
    const text = stringifyProgramJson(make(100_000))
    const read = readProgramJson(text)
    expect(stringifyProgramJson(read)).toBe(text)
    expect(text.split('\n')).toHaveLength(200_000 + 10)
  })
})

describe('JSON Schema', () => {
  const validate = new Ajv({ strict: false, ownProperties: true }).compile(programJsonSchema())

  test('the file on disk is the schema of the source', () => {
    for (const [path, text] of Object.entries(schemaFiles())) {
      expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text)
    }
  })

  test('accepts what the validator accepts', () => {
    expect(validate(sample())).toBe(true)
    expect(validate(JSON.parse(CANONICAL))).toBe(true)
  })

  test('agrees with the validator on generated programs', () => {
    const junk = fc
      .constantFrom<string[]>(
        ...[
          'null',
          'true',
          '0',
          '-1',
          '-2',
          '1',
          '1.5',
          '2147483648',
          '9007199254740992',
          '""',
          '"x"',
          '"12"',
          '"NaN"',
          '"INT"',
          '"float32"',
        ],
        ...[
          '[]',
          '{}',
          '[null]',
          '["a"]',
          '[1]',
          '[-2]',
          '[1.5]',
          '["a",1]',
          '[true,{}]',
          '[[1]]',
          '[1,1,1,1,1,1,1,1,1,1]',
          '{"a":1}',
          '{"X":["x"]}',
        ],
        ...[
          '{"X":"x"}',
          '{"X":[1]}',
          '{"__proto__":1}',
          '{"__proto__":["x"]}',
          '{"constructor":["x"]}',
          '{"a":"INT"}',
          '{"a":null}',
        ],
        ...[
          '{"scalar":"LONG","value":"12"}',
          '{"scalar":"LONG","value":1.5}',
          '{"scalar":"LONG","values":[1]}',
          '{"scalar":"BOOLEAN"}',
        ],
        ...[
          '{"scalar":"COMPLEX128","value":[1,"NaN"]}',
          '{"scalar":"FLOAT64","values":["x"]}',
          '{"scalar":"LONG","value":1,"values":[1]}',
        ],
        ...['[{"scalar":"LONG","value":1},2]', '[{"scalar":"LONG","values":[1]}]', '{"scalar":null,"value":1}'],
      )
      .map((text) => JSON.parse(text as never) as unknown)
    const name = fc.constantFrom(
      'x_a',
      '$a',
      'a',
      'typ',
      '__proto__',
      'toString',
      'name',
      'type',
      'dtype',
      'shape',
      'inputs',
      'attrs',
      'vars',
      'version',
    )
    const edit = fc.record({
      path: fc.array(fc.nat(50), { maxLength: 8 }),
      action: fc.constantFrom('replace', 'remove', 'add'),
      junk,
      name,
    })
    const put = (target: object, key: string, value: unknown) =>
      Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
    const base = { ...sample(), blocks: [...sample().blocks] } as unknown
    let good = 0
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 3 }), (edits) => {
        const root = { value: structuredClone(base) }
        for (const { path, action, junk: value, name: key } of edits) {
          let holder: object = root
          let member = 'value'
          for (const step of path) {
            const next = (holder as Record<string, unknown>)[member]
            if (typeof next !== 'object' || next === null || Object.keys(next).length === 0) break
            holder = next
            member = Object.keys(next)[step % Object.keys(next).length]!
          }
          const target = (holder as Record<string, unknown>)[member]
          if (action === 'replace') put(holder, member, value)
          else if (action === 'add' && typeof target === 'object' && target !== null && !Array.isArray(target))
            put(target, key, value)
          else if (action === 'remove' && Array.isArray(holder)) holder.splice(Number(member), 1)
          else if (action === 'remove' && holder !== root) delete (holder as Record<string, unknown>)[member]
        }
        const issues = programJsonIssues(root.value)
        const ours = issues.every(({ code }) => code === 'E507' || code === 'E508')
        if (ours) good++
        expect([validate(root.value), issues[0]]).toEqual([ours, issues[0]])
        // Every pointer but those of members that are missing leads to a place in the text.
        const { locate } = parseJsonText(toJsonText(root.value))
        for (const { pointer } of issues) expect([pointer, locate(pointer)]).not.toEqual([pointer, undefined])
      }),
      { numRuns: 20_000, seed: 22 },
    )
    expect(good).toBeGreaterThan(4000)
    expect(good).toBeLessThan(16_000)
  })
})

describe('attrValueProblem', () => {
  const MAX = '9223372036854775807'
  test.each<[(typeof ATTR_TYPES)[number], unknown[], unknown[]]>([
    ['INT', [0, -1, 2147483647, -2147483648], [1.5, 2147483648, '1', Number.NaN, null, true, [1]]],
    ['BLOCK', [0, 3], ['0', 0.5, null]],
    [
      'LONG',
      [0, 2 ** 53 - 1, MAX, '-9223372036854775808', '12'],
      [2 ** 53, 1.5, '9223372036854775808', '1.0', '', '0x1', null],
    ],
    ['FLOAT', [0, 1.5, -0, 'NaN', 'Infinity', '-Infinity', 3.4e38], [1e39, '1', 'nan', null, true, []]],
    ['FLOAT64', [1e300, 'NaN'], ['x', null, true]],
    ['STRING', ['', 'a'], [1, null, ['a']]],
    ['VAR', ['x'], [1, null]],
    ['BOOLEAN', [true, false], ['true', 2, null]],
    ['INTS', [[], [1, -1]], [1, [1.5], ['1'], [null], { 0: 1 }]],
    ['LONGS', [[], [1, MAX]], [[1.5], MAX]],
    ['FLOATS', [[], [1, 'NaN']], [['x'], [1e39], 1]],
    ['FLOAT64S', [[1e300]], [[null], 1]],
    ['STRINGS', [[], ['a']], ['a', [1]]],
    ['VARS', [['a']], ['a', [1]]],
    ['BOOLEANS', [[], [true]], [true, ['x']]],
    ['BLOCKS', [[1, 2]], [1, ['1']]],
    [
      'SCALAR',
      [1, true, { scalar: 'LONG', value: MAX }],
      ['x', null, {}, { scalar: 'LONG', value: 1.5 }, { scalar: 'X', value: 1 }, [1]],
    ],
    [
      'SCALARS',
      [[], [1, { scalar: 'BOOLEAN', value: true }], { scalar: 'FLOAT64', values: [1, 'NaN'] }],
      [1, [null], { scalar: 'FLOAT64', values: 1 }, { scalar: 'LONG', values: [0.5] }, { scalar: 'LONG', value: 1 }],
    ],
  ])('%s', (type, right, wrong) => {
    for (const value of right) expect([value, attrValueProblem(type, value)]).toEqual([value, null])
    for (const value of wrong)
      expect([value, attrValueProblem(type, value)]).toEqual([value, expect.stringMatching(/^\S.*[^.]$/)])
  })
})
