/** ProgramDesc bytes: files of Paddle 2.6.2 read and written back, and files that are wrong (rows F-01 to F-15 of the list of bad inputs). */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { describe, expect, test } from 'vitest'
import { comparePrograms } from '../../src/framework/compare_programs.ts'
import { extraAttrs, extraOutputs } from '../../src/framework/extra_attrs.ts'
import { compareNames } from '../../src/framework/program_desc.ts'
import { readProgramDesc } from '../../src/framework/program_desc_reader.ts'
import { build, input, nn, optimizer, Program } from '../../src/index.ts'
import { readGolden } from '../golden.ts'
import { sameFields } from '../io/consistent.ts'
import { damageEverywhere, golden, goldenNames, thrown } from '../io/damage.ts'

const FILES: readonly (readonly [pdmodel: string, json: string | undefined])[] = [
  ['inference/model.pdmodel', 'inference/model.json'],
  ['jit_save/net.pdmodel', 'jit_save/net.json'],
  ['legacy_combined/__model__', undefined],
  ['legacy_separate/__model__', undefined],
  ['static_save/train.pdmodel', undefined],
  ...goldenNames('programs')
    .filter((name) => name.endsWith('.pdmodel'))
    .map((name) => [`programs/${name}`, `programs/${name.replace('.pdmodel', '.json')}`] as const),
]

describe('files of Paddle', () => {
  test.each(FILES)('%s: reading and writing gives equal bytes', (file) => {
    const bytes = golden(file)
    const program = Program.from(bytes)
    expect(program.toProto()).toEqual(bytes)
    expect(program.clone().toProto()).toEqual(bytes)
  })

  test.each(FILES.filter(([, json]) => json !== undefined))('%s holds what the JSON beside it says', (file, json) => {
    const recorded = Program.from(golden(json!))
    const program = Program.from(golden(file))
    expect(comparePrograms(recorded, program)).toEqual([])
    expect(program.version).toBe(recorded.version)
    expect(program.opVersions).toEqual(recorded.opVersions)
    expect(comparePrograms(recorded, Program.from(JSON.stringify(program)))).toEqual([])
  })

  test.each(FILES.filter(([, json]) => json !== undefined))(
    '%s: bytes written from the JSON mean the same',
    (file, json) => {
      const fromJson = Program.from(golden(json!)).toProto()
      expect(comparePrograms(Program.from(golden(file)), Program.from(fromJson))).toEqual([])
      expect(Program.from(fromJson).toProto()).toEqual(fromJson)
    },
  )

  test('the recorded programs go through bytes without loss', () => {
    for (const name of ['mlp_adam', 'amp_o2_mlp_adam', 'mlp_adam_global_clip', 'dropout_program_seed']) {
      const json = readGolden(`programs/${name}/main.json.gz`)
      const program = Program.from(json)
      expect(comparePrograms(program, Program.from(program.toProto())), name).toEqual([])
    }
  })

  test('the order of attributes is the one documented, for operators whose attributes stand once', () => {
    for (const [file] of FILES) {
      for (const block of Program.from(golden(file)).blocks) {
        for (const op of block.ops) {
          const names = op.wire!.attrs!
          if (new Set(names).size < names.length) continue
          const extra = extraAttrs(op.type)
          const sorted = [...names].sort((a, b) => Number(extra.has(b)) - Number(extra.has(a)) || compareNames(a, b))
          expect(names, `${file}: ${op.type}`).toEqual(sorted)
        }
      }
    }
  })

  test('the tables of extra attributes and outputs are those of the operator definitions', () => {
    type Proto = {
      outputs: Record<string, string[]>
      attrs: Record<string, { extra?: boolean }>
    }
    const { ops } = readGolden<{ ops: Record<string, Proto> }>('op_protos.json.gz')
    for (const [type, { attrs, outputs }] of Object.entries(ops)) {
      const names = Object.keys(attrs).filter((name) => attrs[name]!.extra === true)
      expect([...extraAttrs(type)].sort(), type).toEqual(names.sort())
      const slots = Object.keys(outputs).filter((slot) => outputs[slot]!.includes('extra'))
      expect([...extraOutputs(type)].sort(), type).toEqual(slots.sort())
    }
  })
})

describe('programs built here', () => {
  const { main, startup } = build(() => {
    const x = input('x', [null, 4])
    const label = input('label', [null, 1], 'int64')
    const loss = nn.functional.softmaxWithCrossEntropy(nn.functional.fc(x, 3), label).mean()
    new optimizer.Adam({ learningRate: 0.01 }).minimize(loss)
  })

  test('come back equal, and equal programs give equal bytes', () => {
    for (const program of [main, startup]) {
      const bytes = program.toProto()
      expect(comparePrograms(program, Program.from(bytes))).toEqual([])
      expect(Program.from(bytes).toProto()).toEqual(bytes)
      expect(Program.from(JSON.stringify(program)).toProto()).toEqual(bytes)
    }
  })

  test('after reading a program can be edited and written again', () => {
    const program = Program.from(main.toProto())
    program.globalBlock().appendOp({ type: 'relu', inputs: { X: 'x' } })
    const again = Program.from(program.toProto())
    expect(comparePrograms(program, again)).toEqual([])
    expect(again.globalBlock().ops.at(-1)!.type).toBe('relu')
  })
})

// Messages by hand.
type Field = [number: number, value: number | bigint | string | Uint8Array | Field[], kind?: 'float' | 'double']
function encode(fields: readonly Field[]): Uint8Array {
  const w = new BinaryWriter()
  for (const [field, value, kind] of fields) {
    if (kind === 'float') w.tag(field, WireType.Bit32).float(value as number)
    else if (kind === 'double') w.tag(field, WireType.Bit64).double(value as number)
    else if (typeof value === 'string') w.tag(field, WireType.LengthDelimited).string(value)
    else if (value instanceof Uint8Array) w.tag(field, WireType.LengthDelimited).bytes(value)
    else if (Array.isArray(value)) w.tag(field, WireType.LengthDelimited).bytes(encode(value))
    else w.tag(field, WireType.Varint).int64(value)
  }
  return w.finish()
}

const OP = (...more: Field[]): Field => [4, [[3, 'my_op'], ...more]]
const ATTR = (name: string, type: number, ...more: Field[]): Field => [4, [[1, name], [2, type], ...more]]
const VAR = (name: string, dtype = 5, dims: number[] = [2], ...more: Field[]): Field => [
  3,
  [
    [1, name],
    [2, [[1, 7], [3, [[1, [[1, dtype], ...dims.map((dim): Field => [2, dim])]]]], ...more]],
  ],
]
const programOf = (...parts: Field[]): Uint8Array => encode([[1, [[1, 0], [2, -1], ...parts]]])

describe('every type of attribute', () => {
  const attrs: Field[] = [
    ATTR('int', 0, [3, -1]),
    ATTR('float', 1, [4, Math.fround(0.1), 'float']),
    ATTR('nan', 1, [4, Number.NaN, 'float']),
    ATTR('string', 2, [5, 'Grüße']),
    ATTR('ints', 3, [6, 1], [6, -2]),
    ATTR('no_ints', 3),
    ATTR('floats', 4, [7, 0.5, 'float'], [7, -Infinity, 'float']),
    ATTR('strings', 5, [8, 'a'], [8, '']),
    ATTR('bool', 6, [10, 1]),
    ATTR('bools', 7, [11, 1], [11, 0]),
    ATTR('block', 8, [12, 0]),
    ATTR('long', 9, [13, 2n ** 62n + 1n]),
    ATTR('blocks', 10, [14, 0]),
    ATTR('longs', 11, [15, -(2n ** 63n)], [15, 5]),
    ATTR('float64s', 12, [16, 0.1, 'double']),
    ATTR('var', 13, [17, 'x']),
    ATTR('vars', 14, [18, 'x'], [18, 'y']),
    ATTR('float64', 15, [19, 1e300, 'double']),
    ATTR('scalar', 16, [
      20,
      [
        [1, 3],
        [4, 0.5, 'double'],
      ],
    ]),
    ATTR('complex', 16, [
      20,
      [
        [1, 4],
        [
          5,
          [
            [1, 1, 'double'],
            [2, -0.5, 'double'],
          ],
        ],
      ],
    ]),
    ATTR(
      'scalars',
      17,
      [
        21,
        [
          [1, 1],
          [2, 1],
        ],
      ],
      [
        21,
        [
          [1, 2],
          [3, 2n ** 61n],
        ],
      ],
    ),
  ]

  test('is read, kept through JSON and written', () => {
    const bytes = programOf(VAR('x'), VAR('y'), OP(...attrs))
    const program = Program.from(bytes)
    expect(program.globalBlock().ops[0]!.attrs).toMatchInlineSnapshot(`
      {
        "block": 0,
        "blocks": [
          0,
        ],
        "bool": true,
        "bools": [
          true,
          false,
        ],
        "complex": {
          "scalar": "COMPLEX128",
          "value": [
            1,
            -0.5,
          ],
        },
        "float": 0.10000000149011612,
        "float64": 1e+300,
        "float64s": [
          0.1,
        ],
        "floats": [
          0.5,
          -Infinity,
        ],
        "int": -1,
        "ints": [
          1,
          -2,
        ],
        "long": 4611686018427387905n,
        "longs": [
          -9223372036854775808n,
          5,
        ],
        "nan": NaN,
        "no_ints": [],
        "scalar": {
          "scalar": "FLOAT64",
          "value": 0.5,
        },
        "scalars": [
          {
            "scalar": "BOOLEAN",
            "value": true,
          },
          {
            "scalar": "LONG",
            "value": "2305843009213693952",
          },
        ],
        "string": "Grüße",
        "strings": [
          "a",
          "",
        ],
        "var": "x",
        "vars": [
          "x",
          "y",
        ],
      }
    `)
    expect(program.toProto()).toEqual(bytes)
    const again = Program.from(Program.from(JSON.stringify(program)).toProto())
    expect(comparePrograms(program, again)).toEqual([])
  })

  test('packed numbers are read as those one by one', () => {
    const plain = programOf(
      OP(ATTR('ints', 3, [6, 1], [6, 300]), ATTR('floats', 4, [7, 0.5, 'float'], [7, 2, 'float'])),
    )
    const floats = new Uint8Array(Float32Array.of(0.5, 2).buffer)
    const packed = programOf(OP(ATTR('ints', 3, [6, Uint8Array.of(1, 0xac, 2)]), ATTR('floats', 4, [7, floats])))
    expect(Program.from(packed).toProto()).toEqual(plain)
    const dims: Field = [
      3,
      [
        [1, 'x'],
        [
          2,
          [
            [1, 7],
            [
              3,
              [
                [
                  1,
                  [
                    [1, 5],
                    [2, Uint8Array.of(2, 3)],
                  ],
                ],
              ],
            ],
          ],
        ],
      ],
    ]
    expect(Program.from(programOf(dims)).globalBlock().var('x').shape).toEqual([2, 3])
  })

  test('a dtype attribute is a name here and a number in the file', () => {
    const bytes = programOf(VAR('x'), [
      4,
      [
        [
          2,
          [
            [1, 'Out'],
            [2, 'x'],
          ],
        ],
        [3, 'fill_constant'],
        ATTR('dtype', 0, [3, 3]),
      ],
    ])
    const program = Program.from(bytes)
    expect(program.globalBlock().ops[0]!.attrs['dtype']).toBe('int64')
    expect(program.toProto()).toEqual(bytes)
  })

  test('types that Paddle converts are converted, others are refused', () => {
    const scale = (...attr: Field[]): Uint8Array =>
      programOf(VAR('x'), [
        4,
        [
          [
            1,
            [
              [1, 'X'],
              [2, 'x'],
            ],
          ],
          [
            2,
            [
              [1, 'Out'],
              [2, 'x'],
            ],
          ],
          [3, 'scale'],
          ...attr,
        ],
      ])
    const program = Program.from(scale(ATTR('scale', 0, [3, 2]), ATTR('bias_after_scale', 0, [3, 1])))
    expect(program.globalBlock().ops[0]!.attrs).toEqual({ scale: 2, bias_after_scale: true })
    const error = thrown(() => Program.from(scale(ATTR('scale', 15, [19, 2, 'double']))))
    expect(error.code).toBe('E201')
    expect(error.where?.offset).toBeGreaterThan(0)
  })
})

describe('what is not known', () => {
  test('is kept at every place, also through JSON', () => {
    const unknown: Field = [99, 'new']
    const bytes = encode([
      [
        1,
        [
          [1, 0],
          [2, -1],
          [
            3,
            [
              [1, 'x'],
              [2, [[1, 7], [3, [[1, [[1, 5], [2, 2], unknown]], unknown]], unknown]],
              [7, [[1, 'attr']]],
              unknown,
            ],
          ],
          [
            3,
            [
              [1, 'r'],
              [
                2,
                [
                  [1, 15],
                  [5, [[1, [[1, [[1, 5]]]]]]],
                ],
              ],
            ],
          ],
          [4, [[1, [[1, 'X'], [2, 'x'], unknown]], [3, 'my_op'], ATTR('a', 0, [3, 1], unknown), unknown]],
          unknown,
        ],
      ],
      [4, [[1, 1], unknown]],
      [5, [[1, [[1, 'my_op'], [2, [[1, 2]]], unknown]], unknown]],
      unknown,
    ])
    const program = Program.from(bytes)
    expect(program.toProto()).toEqual(bytes)
    expect(Program.from(JSON.stringify(program)).clone().toProto()).toHaveLength(bytes.length)
  })

  test('descriptions of tensors that are missing, stale or split', () => {
    const none = programOf([
      3,
      [
        [1, 'x'],
        [2, [[1, 7]]],
      ],
    ])
    expect(Program.from(none).toJSON().blocks[0]!.vars![0]).toMatchObject({ x_no_tensor_desc: true })
    expect(Program.from(none).toProto()).toEqual(none)
    const stale = programOf([
      3,
      [
        [1, 'x'],
        [
          2,
          [
            [1, 8],
            [
              2,
              [
                [1, 5],
                [2, 9],
              ],
            ],
            [3, [[1, [[1, 6]]]]],
          ],
        ],
      ],
    ])
    expect(Program.from(stale).globalBlock().var('x')).toMatchObject({
      type: 'SELECTED_ROWS',
      dtype: 'float32',
      shape: [9],
    })
    expect(Program.from(stale).toProto()).toEqual(stale)
    const split = programOf([
      3,
      [
        [1, 'x'],
        [
          2,
          [
            [1, 7],
            [
              3,
              [
                [
                  1,
                  [
                    [1, 5],
                    [2, 2],
                  ],
                ],
              ],
            ],
          ],
        ],
        [2, [[3, [[1, [[2, 3]]]]]]],
      ],
    ])
    expect(Program.from(split).globalBlock().var('x').shape).toEqual([2, 3])
  })
})

describe('bad files', () => {
  const E527: readonly (readonly [string, Uint8Array])[] = [
    ['F-04 a varint of eleven bytes', Uint8Array.of(0x0a, 0x0d, 8, ...Array<number>(10).fill(0x80), 1, 0x10)],
    ['F-04 more than 32 bits', programOf(OP(ATTR('a', 0, [3, 2 ** 31])))],
    ['F-05 a length beyond the end', Uint8Array.of(0x0a, 0x7f, 8, 0)],
    ['F-05 a length of 2^63', Uint8Array.of(0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 8, 0)],
    ['F-06 a group', Uint8Array.of(0x0a, 6, 8, 0, 0x10, 0, 0x33, 0x34)],
    ['F-05 a length of 2^31', Uint8Array.of(0x0a, 0x80, 0x80, 0x80, 0x80, 0x08, 8, 0)],
    ['F-05 a length of 2^32 - 1', Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 8, 0)],
    ['F-06 the end of a group', Uint8Array.of(0x0a, 5, 8, 0, 0x10, 0, 0x34)],
    ['F-06 wire type 6', Uint8Array.of(0x0a, 5, 8, 0, 0x10, 0, 0x36)],
    ['F-06 wire type 7', Uint8Array.of(0x0a, 5, 8, 0, 0x10, 0, 0x37)],
    ['F-06 field number 0', Uint8Array.of(0x0a, 6, 8, 0, 0x10, 0, 0, 0)],
    ['F-06 a known field of another wire type', Uint8Array.of(0x0a, 8, 8, 0, 0x15, 0, 0, 0, 0, 0)],
    ['F-09 no UTF-8', programOf([4, [[3, Uint8Array.of(0xff, 0xfe)]]])],
  ]
  test.each(E527)('%s', (_, bytes) => {
    const error = thrown(() => Program.from(bytes, { file: 'm.pdmodel' }))
    expect(error.code).toBe('E527')
    expect(error.where?.file).toBe('m.pdmodel')
    expect(error.where?.offset).toBeGreaterThanOrEqual(0)
    expect(error.where?.offset).toBeLessThanOrEqual(bytes.length)
  })

  const others: readonly (readonly [string, Uint8Array, string])[] = [
    [
      'F-04 a type of -1',
      programOf([
        3,
        [
          [1, 'x'],
          [2, [[1, -1]]],
        ],
      ]),
      'E528',
    ],
    ['F-08 an operator without type', programOf([4, [[5, 1]]]), 'E528'],
    ['F-08 a variable without name', programOf([3, [[2, [[1, 7]]]]]), 'E528'],
    ['F-08 a variable without type', programOf([3, [[1, 'x']]]), 'E528'],
    [
      'F-08 a block without idx',
      encode([
        [
          1,
          [
            [2, -1],
            [1, 0],
          ],
        ],
        [1, [[1, 1]]],
      ]),
      'E528',
    ],
    ['F-09 a name with NUL', programOf(VAR('a\0b')), 'E528'],
    ['F-09 a name of 2,000 characters', programOf(VAR('a'.repeat(2000))), 'E603'],
    [
      'F-10 blocks that number themselves wrongly',
      encode([
        [
          1,
          [
            [1, 0],
            [2, -1],
          ],
        ],
        [
          1,
          [
            [1, 0],
            [2, 0],
          ],
        ],
      ]),
      'E507',
    ],
    [
      'F-10 a block that is its own parent',
      encode([
        [
          1,
          [
            [1, 0],
            [2, -1],
          ],
        ],
        [
          1,
          [
            [1, 1],
            [2, 1],
          ],
        ],
      ]),
      'E507',
    ],
    [
      'F-10 a parent that is missing',
      encode([
        [
          1,
          [
            [1, 0],
            [2, -1],
          ],
        ],
        [
          1,
          [
            [1, 1],
            [2, 99],
          ],
        ],
      ]),
      'E507',
    ],
    [
      'F-10 two blocks of the same number',
      encode([
        [
          1,
          [
            [1, 0],
            [2, -1],
          ],
        ],
        [
          1,
          [
            [1, 0],
            [2, -1],
          ],
        ],
      ]),
      'E507',
    ],
    [
      'F-10 a parent of -2',
      encode([
        [
          1,
          [
            [1, 0],
            [2, -1],
          ],
        ],
        [
          1,
          [
            [1, 1],
            [2, -2],
          ],
        ],
      ]),
      'E506',
    ],
    [
      'F-10 a parent that comes later',
      encode([
        [
          1,
          [
            [1, 0],
            [2, -1],
          ],
        ],
        [
          1,
          [
            [1, 1],
            [2, 2],
          ],
        ],
        [
          1,
          [
            [1, 2],
            [2, 0],
          ],
        ],
      ]),
      'E507',
    ],
    ['F-12 a value of another type', programOf(OP(ATTR('a', 0, [5, 'x']))), 'E528'],
    ['F-12 two values', programOf(OP(ATTR('a', 0, [3, 1], [5, 'x']))), 'E528'],
    ['F-12 no value', programOf(OP(ATTR('a', 0))), 'E528'],
    ['F-12 an unknown type', programOf(OP(ATTR('a', 18, [3, 1]))), 'E528'],
    ['F-12 a scalar without value', programOf(OP(ATTR('a', 16, [20, [[1, 3]]]))), 'E528'],
    ['F-15 element type 30', programOf(VAR('x', 30)), 'E528'],
    ['F-15 element type 255', programOf(VAR('x', 255)), 'E528'],
    ['F-15 a dimension of -2', programOf(VAR('x', 5, [-2])), 'E506'],
    ['F-15 rank 10', programOf(VAR('x', 5, Array<number>(10).fill(1))), 'E603'],
    ['F-15 rank 1,000,000', programOf(VAR('x', 5, Array<number>(1_000_000).fill(1))), 'E603'],
    ['F-15 rank 100,000', programOf(VAR('x', 5, Array<number>(100_000).fill(1))), 'E603'],
    ['a variable twice', programOf(VAR('x'), VAR('x')), 'E508'],
    ['the name __proto__', programOf(OP(ATTR('__proto__', 0, [3, 1]))), 'E528'],
    [
      '1,025 blocks',
      encode(
        Array.from(
          { length: 1025 },
          (_, i): Field => [
            1,
            [
              [1, i],
              [2, i === 0 ? -1 : 0],
            ],
          ],
        ),
      ),
      'E603',
    ],
  ]
  test.each(others)('%s', (_, bytes, code) => {
    const error = thrown(() => Program.from(bytes))
    expect(error.code).toBe(code)
    expect(error.where?.offset).toBeGreaterThanOrEqual(0)
  })

  test('F-11 sub-blocks that are missing or contain themselves are for verify to find, not for the reader', () => {
    for (const idx of [0, 2 ** 31 - 1, -1]) {
      expect(Program.from(programOf(OP(ATTR('sub_block', 8, [12, idx])))).blocks).toHaveLength(1)
    }
  })

  test('F-01 files of other kinds are named', () => {
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10)
    expect(thrown(() => Program.from(png)).message).toContain('this is a PNG image, not a program')
    expect(thrown(() => Program.from(golden('static_save/train.pdparams'))).message).toContain('a Python pickle')
    const error = thrown(() => Program.from(golden('inference/model.pdiparams')))
    expect(error.code).toBe('E529')
    expect(error.hint).toContain('.pdmodel')
    expect(thrown(() => Program.from(Uint8Array.of(0x1f, 0x8b, 8, 0))).code).toBe('E529')
    for (const bytes of [new Uint8Array(0), Uint8Array.of(10), new TextEncoder().encode('hello')]) {
      expect(thrown(() => Program.from(bytes)).code).toBe('E501')
    }
  })

  test('F-10 no block at all', () => {
    expect(thrown(() => Program.from(Uint8Array.of(0x22, 0))).code).toMatch(/^E5/)
  })

  test('F-08 what stands twice is merged as protobuf and Paddle do', () => {
    const SLOT = (slot: string, ...names: string[]): Field => [1, [[1, slot], ...names.map((name): Field => [2, name])]]
    const bytes = programOf(VAR('x'), VAR('y'), [4, [SLOT('X', 'x'), SLOT('X', 'y'), [3, 'no'], [3, 'sum']]])
    const [op] = Program.from(bytes).globalBlock().ops
    expect(op).toMatchObject({ type: 'sum', inputs: { X: ['x', 'y'] } })
  })

  test('F-09 a name and a text of 64 MiB: beyond the limits of a file, and of a text in a larger one', () => {
    const long = 'a'.repeat(64 * 2 ** 20)
    expect(thrown(() => Program.from(programOf(VAR(long)))).code).toBe('E601')
    const limits = { programBytes: 2 ** 30 }
    for (const part of [VAR(long), OP(ATTR('a', 2, [5, long]))]) {
      expect(thrown(() => readProgramDesc(programOf(part), { limits })).code).toBe('E603')
    }
  })

  test('F-15 dimensions that are not known, and none of a size', () => {
    const dims = Program.from(programOf(VAR('x', 5, [-1, -1]), VAR('y', 5, [0]), VAR('z', 5, []))).globalBlock().vars
    expect([...dims.values()].map(({ shape }) => shape)).toEqual([[-1, -1], [0], []])
  })

  test('an attribute given twice has its last value, and stands twice again', () => {
    const bytes = programOf(OP(ATTR('a', 0, [3, 1]), ATTR('b', 0, [3, 7]), ATTR('a', 0, [3, 2])))
    const program = Program.from(bytes)
    expect(program.globalBlock().ops[0]!.attrs).toEqual({ a: 2, b: 7 })
    expect(program.toProto()).toEqual(programOf(OP(ATTR('a', 0, [3, 2]), ATTR('b', 0, [3, 7]), ATTR('a', 0, [3, 2]))))
  })

  test('F-02 a model cut off or changed anywhere gives a typed error or a program', () => {
    const good = programOf(
      VAR('x', 5, [-1, 4]),
      VAR('y', 5, [-1, 4], [5, 1], [6, 0]),
      [
        4,
        [
          [
            1,
            [
              [1, 'X'],
              [2, 'x'],
            ],
          ],
          [
            2,
            [
              [1, 'Out'],
              [2, 'y'],
            ],
          ],
          [3, 'scale'],
          ATTR('scale', 1, [4, 2, 'float']),
          ATTR('op_role_var', 5),
        ],
      ],
      OP(
        ATTR('s', 16, [
          20,
          [
            [1, 4],
            [
              5,
              [
                [1, 1, 'double'],
                [2, 2, 'double'],
              ],
            ],
          ],
        ]),
        ATTR('l', 11, [15, 5]),
      ),
    )
    const { cut, changed } = damageEverywhere(good, (bytes) => Program.from(bytes), { judge: sameFields })
    expect(cut['read']).toBeUndefined()
    expect(changed['read']).toBeGreaterThan(0)
  })

  test('F-02 a file of Paddle cut off at every byte gives a typed error', { timeout: 60_000 }, () => {
    const bytes = golden('jit_save/net.pdmodel')
    for (let length = 0; length < bytes.length; length++) {
      // Only between blocks and what follows them may a file end early and still be whole.
      let read = false
      try {
        Program.from(bytes.slice(0, length))
        read = true
      } catch (error) {
        expect((error as { code?: string }).code, `cut off at ${length}`).toMatch(/^E5/)
      }
      if (read) expect(bytes[length]! >> 3, `cut off at ${length}`).toBeGreaterThanOrEqual(4)
    }
  })
})
