/** Copies, pruning and the JSON form of whole programs. What single faults of a file are is in program_json.test.ts. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { comparePrograms } from '../../src/framework/diff.ts'
import { Program } from '../../src/framework/program.ts'
import { type ProgramJson, stringifyProgramJson } from '../../src/framework/program_json.ts'
import { prune } from '../../src/framework/prune.ts'
import { verify } from '../../src/framework/verify.ts'
import { build, input } from '../../src/modes/static.ts'
import * as nn from '../../src/nn/index.ts'
import { ops } from '../../src/ops/index.ts'
import * as optimizer from '../../src/optimizer/index.ts'
import { Recording } from '../../tools/replay/recording.ts'

const FOLDER = fileURLToPath(new URL('../golden/programs/', import.meta.url))
const recordings = readdirSync(FOLDER).map((name) => new Recording(`${FOLDER}${name}`))
const STAGES = ['main_before_backward', 'startup_before_backward', 'main', 'startup', 'test', 'test_after_minimize']
const stored = recordings.flatMap((recording) =>
  STAGES.filter((stage) => recording.json(stage) !== undefined).map(
    (stage) => [`${recording.meta.name}/${stage}`, recording, stage] as const,
  ),
)
const read = (source: unknown): Program => Program.from(source, { library: ops })
const text = (program: Program): string => stringifyProgramJson(program.toJSON())

/** A classifier with dropout, trained by Adam. */
function trained(): { main: Program; startup: Program; loss: string; logits: string } {
  const { main, startup, out } = build(() => {
    const h = nn.functional.dropout(nn.functional.fc(input('x', [null, 4]), 8, { activation: 'relu' }), { p: 0.4 })
    const logits = nn.functional.fc(h, 3)
    return { logits, loss: nn.functional.crossEntropy(logits, input('label', [null, 1], 'int64')) }
  })
  new optimizer.Adam().minimize(out.loss)
  return { main: main as Program, startup: startup as Program, loss: out.loss.name, logits: out.logits.name }
}

describe('JSON round trip', () => {
  test('recorded programs are there', () => {
    expect(stored.length).toBeGreaterThan(100)
  })

  test.each(stored)(
    '%s: the file is read and written to the same bytes from then on, and says the same',
    (_, recording, stage) => {
      const json = recording.json<ProgramJson>(stage)!
      const program = read(json)
      const written = program.toJSON()
      const again = read(written)
      expect(text(again)).toBe(text(program))
      expect(text(read(text(program)))).toBe(text(program))
      expect(JSON.stringify(again.toJSON())).toBe(JSON.stringify(written))
      expect(comparePrograms(program, again)).toEqual([])
      // Against the file itself, not only against ourselves: the same operators, names and attributes, in the same order.
      json.blocks.forEach((block, b) => {
        expect(written.blocks[b]!.ops.map((op) => op.type)).toEqual(block.ops.map((op) => op.type))
        expect((written.blocks[b]!.vars ?? []).map((variable) => variable.name).sort()).toEqual(
          (block.vars ?? []).map((variable) => variable.name).sort(),
        )
        block.ops.forEach((op, i) => {
          const ours = written.blocks[b]!.ops[i]!
          expect(Object.keys(ours.attrs ?? {}).sort()).toEqual(Object.keys(op.attrs ?? {}).sort())
          for (const side of ['inputs', 'outputs'] as const) {
            const full = (slots: Readonly<Record<string, readonly string[]>> = {}): [string, readonly string[]][] =>
              Object.entries(slots)
                .filter(([, names]) => names.length > 0)
                .sort(([a], [z]) => (a < z ? -1 : 1))
            expect(full(ours[side])).toEqual(full(op[side]))
          }
        })
      })
    },
  )

  test('members $… and x_… survive at every level', () => {
    const json = {
      format: 'oarlock-program',
      format_version: 1,
      $schema: 'https://example.org/schema',
      x_note: { deep: [1, { two: null }] },
      blocks: [
        {
          idx: 0,
          parent_idx: -1,
          x_block: 'b',
          vars: [
            { name: 'x', shape: [2], need_check_feed: true, $var: [1, 2] },
            { name: 'y', shape: [2], x_var: false },
          ],
          ops: [{ type: 'relu', inputs: { X: ['x'] }, outputs: { Out: ['y'] }, x_op: { a: 1 }, $op: 'text' }],
        },
      ],
    }
    for (const program of [read(json), read(json).clone(), read(read(json).toJSON()), read(text(read(json)))]) {
      const out = program.toJSON() as unknown as typeof json
      expect(out.$schema).toBe(json.$schema)
      expect(out.x_note).toEqual(json.x_note)
      expect(out.blocks[0]!.x_block).toBe('b')
      expect(out.blocks[0]!.vars.find(({ name }) => name === 'x')).toMatchObject({ $var: [1, 2] })
      expect(out.blocks[0]!.vars.find(({ name }) => name === 'y')).toMatchObject({ x_var: false })
      expect(out.blocks[0]!.ops[0]).toMatchObject({ x_op: { a: 1 }, $op: 'text' })
    }
  })

  test('operators and attributes that nobody knows survive with their types', () => {
    const strange = {
      type: 'warp_drive',
      inputs: { Fuel: ['x', 'x'] },
      outputs: { Place: ['y'] },
      attrs: {
        factor: 9.5,
        ints: [1, 2],
        names: ['a'],
        on: true,
        big: '9007199254740993',
        many: [0.5, 'NaN'],
        whole: 3,
      },
      attr_types: {
        factor: 'FLOAT',
        ints: 'INTS',
        names: 'STRINGS',
        on: 'BOOLEAN',
        big: 'LONG',
        many: 'FLOATS',
        whole: 'FLOAT',
      },
      is_target: true,
    }
    const json = {
      format: 'oarlock-program',
      format_version: 1,
      blocks: [
        {
          idx: 0,
          parent_idx: -1,
          vars: [
            { name: 'x', shape: [2], need_check_feed: true },
            { name: 'y', shape: [2] },
          ],
          ops: [
            strange,
            {
              type: 'relu',
              inputs: { X: ['x'] },
              outputs: { Out: ['y'] },
              attrs: { glow: [1.5] },
              attr_types: { glow: 'FLOAT64S' },
            },
          ],
        },
      ],
    }
    for (const program of [read(json), read(json).clone(), read(text(read(json)))]) {
      const [first, second] = program.toJSON().blocks[0]!.ops
      expect(first).toMatchObject(strange)
      expect(second!.attrs).toMatchObject({ glow: [1.5] })
      expect(second!.attr_types).toMatchObject({ glow: 'FLOAT64S' })
    }
    expect(verify(read(json)).map((issue) => issue.code)).toEqual(expect.arrayContaining(['E401', 'W111']))
  })
})

describe('clone', () => {
  test('is equal, keeps the identity of operators and shares nothing that can be changed', () => {
    const { main } = trained()
    const copy = main.clone()
    expect(text(copy)).toBe(text(main))
    const ids = (program: Program): number[] => program.blocks.flatMap((block) => block.ops.map((op) => op.id))
    expect(ids(copy)).toEqual(ids(main))
    expect(new Set(ids(main)).size).toBe(ids(main).length)
    const before = text(main)
    const { edits } = main
    const block = copy.globalBlock()
    block.var('x').shape = [7, 7]
    block.createVar({ name: 'new' })
    block.setAttr(block.ops[0]!, 'x_num_col_dims', 1)
    block.setAttr(block.ops[0]!, 'op_device', 'cpu')
    block.appendOp({ type: 'relu', inputs: { X: block.ops[0]!.outputs['Out']![0]! } })
    copy.randomSeed = 5
    expect(text(main)).toBe(before)
    expect(main.edits).toBe(edits)
    const next = main.names.generate('fc')
    expect(copy.names.generate('fc')).toBe(next)
  })

  test('for test: backward and optimizer are gone, is_test is set, and the parameters keep their names', () => {
    const { main, loss } = trained()
    const copy = main.clone({ forTest: true })
    const types = copy.globalBlock().ops.map((op) => op.type)
    expect(types).toEqual([
      'mul',
      'elementwise_add',
      'relu',
      'dropout',
      'mul',
      'elementwise_add',
      'softmax_with_cross_entropy',
      'reduce_mean',
    ])
    expect(copy.globalBlock().ops[3]!.attrs['is_test']).toBe(true)
    expect(main.globalBlock().ops[3]!.attrs['is_test']).toBe(false)
    expect(copy.parameters().map(({ name }) => name)).toEqual(main.parameters().map(({ name }) => name))
    expect(copy.globalBlock().hasVar(loss)).toBe(true)
    expect(
      [...copy.globalBlock().vars.keys()].filter((name) => name.includes('@GRAD') || name.includes('moment')),
    ).toEqual([])
    expect(verify(copy).filter((issue) => issue.code.startsWith('E'))).toEqual([])
  })

  const afterMinimize = recordings.filter((recording) => recording.json('test_after_minimize') !== undefined)
  test.each(afterMinimize.map((recording) => [recording.meta.name, recording] as const))(
    '%s: main cloned for test is the recorded test_after_minimize',
    (_, recording) => {
      expect(
        comparePrograms(recording.program('test_after_minimize')!, recording.program('main')!.clone({ forTest: true })),
      ).toEqual([])
    },
  )

  test('such recordings are there', () => {
    expect(afterMinimize.length).toBeGreaterThanOrEqual(3)
  })
})

describe('prune', () => {
  test('keeps what the targets need and leaves the original alone', () => {
    const { main, logits } = trained()
    const before = text(main)
    const pruned = prune(main, [logits])
    expect(pruned.globalBlock().ops.map((op) => op.type)).toEqual([
      'mul',
      'elementwise_add',
      'relu',
      'dropout',
      'mul',
      'elementwise_add',
    ])
    expect(pruned.globalBlock().hasVar('label')).toBe(false)
    expect(pruned.globalBlock().hasVar(logits)).toBe(true)
    expect(text(main)).toBe(before)
    expect(verify(pruned).filter((issue) => issue.code.startsWith('E'))).toEqual([])
    const kept = new Set(main.globalBlock().ops.map((op) => op.id))
    expect(pruned.globalBlock().ops.every((op) => kept.has(op.id))).toBe(true)
  })

  test('a fed variable cuts what leads to it', () => {
    const { main, logits } = trained()
    const hidden = main.globalBlock().ops[3]!.outputs['Out']![0]!
    const pruned = prune(main, [logits], [hidden])
    expect(pruned.globalBlock().ops.map((op) => op.type)).toEqual(['mul', 'elementwise_add'])
    expect(pruned.globalBlock().hasVar('x')).toBe(false)
    expect(pruned.globalBlock().hasVar(hidden)).toBe(true)
  })

  test('of nothing nothing is left, and an unknown target needs nothing', () => {
    const { main } = trained()
    expect(prune(main, []).globalBlock().ops).toEqual([])
    expect(prune(main, ['nobody']).globalBlock().ops).toEqual([])
  })
})

describe('editing', () => {
  test('a program counts its edits, and a run of nothing counts none', () => {
    const program = new Program(ops)
    const block = program.globalBlock()
    const steps: (() => unknown)[] = [
      () => block.createVar({ name: 'x', shape: [2] }),
      () => block.appendOp({ type: 'relu', inputs: { X: 'x' } }),
      () => block.prependOp({ type: 'fill_constant', outputs: { Out: 'x' }, attrs: { shape: [2], value: 1 } }),
      () => block.setAttr(block.ops[0]!, 'value', 2),
      () => block.removeVar('x'),
      () => program.createBlock(),
    ]
    for (const step of steps) {
      const { edits } = program
      step()
      expect(program.edits).toBeGreaterThan(edits)
    }
    const { edits } = program
    block.removeVar('nobody')
    program.toJSON()
    String(program)
    program.clone()
    expect(program.edits).toBe(edits)
  })

  test('the last writer of a variable is right after appends, prepends and replacement', () => {
    const program = new Program(ops)
    const block = program.globalBlock()
    for (const name of ['x', 'y']) block.createVar({ name, shape: [2] })
    const first = block.appendOp({ type: 'fill_constant', outputs: { Out: 'x' }, attrs: { shape: [2] } })
    const second = block.appendOp({ type: 'relu', inputs: { X: 'x' }, outputs: { Out: 'y' } })
    expect(block.lastWriter('x')).toBe(first)
    const third = block.appendOp({ type: 'relu', inputs: { X: 'y' }, outputs: { Out: 'x' } })
    expect(block.lastWriter('x')).toBe(third)
    block.prependOp({ type: 'fill_constant', outputs: { Out: 'x' }, attrs: { shape: [2] } })
    expect(block.lastWriter('x')).toBe(third)
    block.replaceOps([first, second])
    expect(block.lastWriter('x')).toBe(first)
    expect(block.lastWriter('nobody')).toBeUndefined()
  })
})
