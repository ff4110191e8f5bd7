import { describe, expect, test } from 'vitest'
import { Operator } from '../../src/framework/operator.ts'
import {
  formatBytes,
  formatOperatorDetail,
  formatProgram,
  formatVariableDetail,
  formatVariables,
  printable,
} from '../../src/framework/printer.ts'
import { Program } from '../../src/framework/program.ts'
import { library } from './tiny_library.ts'

/** A forward pass, a gradient, an update in place, and a block that a `run_block` runs. */
function example(): Program {
  const program = new Program(library, { callSites: false })
  const block = program.globalBlock()
  block.createVar({ name: 'x', shape: [-1, 4], needCheckFeed: true, stopGradient: true })
  block.createParameter({ name: 'w', shape: [4] })
  block.createVar({ name: 'lr', shape: [1], persistable: true })
  program.withNameScope('net', () => {
    block.appendOp({ type: 'add', inputs: { X: 'x', Y: 'w' }, outputs: { Out: 'h' } })
  })
  block.appendOp({ type: 'scale', inputs: { X: 'h' }, outputs: { Out: 'h' }, attrs: { scale: 1e-8 } })
  program.withRole(1, [], () => {
    block.appendOp({ type: 'fill', outputs: { Out: 'w@GRAD' }, attrs: { shape: [4], value: 0.5 } })
  })
  program.withRole(2, ['w', 'w@GRAD'], () => {
    block.appendOp({ type: 'update', inputs: { Param: 'w', Grad: 'w@GRAD' }, outputs: { ParamOut: 'w' } })
  })
  const inner = program.createBlock()
  inner.appendOp({ type: 'scale', inputs: { X: 'h' }, outputs: { Out: 'doubled' }, attrs: { scale: 2 } })
  inner.appendOp({ type: 'add', inputs: { X: 'doubled', Y: 'w' }, outputs: { Out: 'h' } })
  program.rollback()
  block.appendOp({ type: 'run_block', inputs: { X: ['h', 'w'] }, outputs: { Out: ['h'] }, attrs: { sub_block: 1 } })
  return program
}

describe('formatProgram', () => {
  test('counts, a table for each block, ⟲ for what is written in place', () => {
    expect(formatProgram(example(), { file: 'net.json' })).toBe(
      `
program net.json   2 blocks · 7 ops · 6 vars · 1 parameter (4 values, 16 B)

block 0
   #  role  op         in → out      shape
   0  F     add        x, w → h      [-1,4]
   1  F     scale      h → h ⟲       [-1,4]
   2  B     fill       → w@GRAD      [4]
   3  O     update     w ⟲ ← w@GRAD  [4]
   4  F     run_block  h, w → h ⟲    [-1,4]

block 1   inside block 0 · run by b0#4 run_block
   #  role  op     in → out        shape
   0  F     scale  h → doubled     [-1,4]
   1  F     add    doubled, w → h  [-1,4]`.trimStart(),
    )
  })

  test('only one role, in ASCII', () => {
    expect(formatProgram(example(), { role: 'O', ascii: true })).toBe(
      `
program   2 blocks | 7 ops | 6 vars | 1 parameter (4 values, 16 B)

block 0
   #  role  op      in -> out      shape
   3  O     update  w @ <- w@GRAD  [4]`.trimStart(),
    )
  })

  test('the last part of the call site where it is known', () => {
    const program = new Program(library)
    program.globalBlock().appendOp({ type: 'fill' })
    expect(formatProgram(program)).toMatch(/fill +→ fill_0\.tmp_0 +\[] +printer\.test\.ts:\d+$/)
  })

  test('the Python line that a file holds, outside of Paddle itself', () => {
    const program = new Program(library)
    program.globalBlock().insertOperator(
      0,
      new Operator({
        type: 'fill',
        inputs: {},
        outputs: {},
        attrs: {
          op_callstack: [
            '  File "/home/me/train.py", line 12, in main',
            '    fill()',
            '  File "/usr/lib/python3/site-packages/paddle/base/framework.py", line 2890, in append_op',
            '    attrs=kwargs)',
          ],
        },
      }),
    )
    expect(formatProgram(program)).toMatch(/train\.py:12$/)
  })

  test('with a width no line is longer, and outputs are kept before inputs', () => {
    const program = new Program(library, { callSites: false })
    const block = program.globalBlock()
    block.createVar({ name: 'a_very_long_name_of_an_input_variable', shape: [2] })
    block.createVar({ name: 'another_long_name_of_an_input', shape: [2] })
    const inputs = { X: 'a_very_long_name_of_an_input_variable', Y: 'another_long_name_of_an_input' }
    block.appendOp({ type: 'add', inputs, outputs: { Out: 'sum' } })
    const lines = formatProgram(program, { width: 60 }).split('\n')
    expect(lines.at(-1)).toBe('   0  F     add  a_very_long_name_of_an_input_… → sum  [2]')
    expect(Math.max(...lines.slice(1).map((line) => line.length))).toBeLessThanOrEqual(60)
    expect(formatProgram(program)).toContain(
      'a_very_long_name_of_an_input_variable, another_long_name_of_an_input → sum',
    )
  })

  test('an empty program', () => {
    expect(formatProgram(new Program(library))).toBe(
      'program   1 block · 0 ops · 0 vars · 0 parameters\n\nblock 0\n  (no operators)',
    )
  })

  test('control characters in names are shown, not sent to the terminal', () => {
    expect(printable('a\u001b[2J\nb')).toBe('a\\u{1b}[2J\\u{a}b')
  })

  test('100,000 operators take about a second', () => {
    const program = new Program(library, { callSites: false })
    const block = program.globalBlock()
    block.createVar({ name: 'v0', shape: [1] })
    for (let i = 0; i < 100_000; i++) {
      block.appendOp({ type: 'scale', inputs: { X: `v${i}` }, outputs: { Out: `v${i + 1}` } })
    }
    expect(formatProgram(program).split('\n')).toHaveLength(100_004)
    expect(formatVariables(program).split('\n')).toHaveLength(100_002)
  })
})

describe('formatOperatorDetail', () => {
  test('slots with type and origin, attributes with defaults', () => {
    const block = example().globalBlock()
    expect(formatOperatorDetail(block, 0)).toBe(
      `
b0#0  add   role forward   scope /net/
  in   X    x  float32 [-1,4]  fed
       Y    w  float32 [4]     persistable
  out  Out  h  float32 [-1,4]  read by #1, #4, b1#0
  attr axis -1`.trimStart(),
    )
    expect(formatOperatorDetail(block, 1)).toBe(
      `
b0#1  scale   role forward
  in   X    h  float32 [-1,4]  written by #0
  out  Out  h  in place
  attr bias 0.0  scale 1e-08`.trimStart(),
    )
    expect(formatOperatorDetail(block, 3)).toBe(
      `
b0#3  update   role optimize
  in   Param     w       float32 [4]  persistable
       Grad      w@GRAD  float32 [4]  written by #2
  out  ParamOut  w       in place
  attr op_role_var [w, w@GRAD]`.trimStart(),
    )
  })

  test('in a block inside another, writers of the enclosing block are named', () => {
    expect(formatOperatorDetail(example().blocks[1]!, 0)).toBe(
      `
b1#0  scale   role forward
  in   X    h        float32 [-1,4]  written by b0#0, b0#1, b0#4
  out  Out  doubled  float32 [-1,4]  read by #1
  attr bias 0.0  scale 2.0`.trimStart(),
    )
  })

  test('an index that does not exist', () => {
    expect(() => formatOperatorDetail(example().globalBlock(), 9)).toThrow(
      expect.objectContaining({ code: 'E225', summary: 'block 0 has 5 operators, no #9' }),
    )
  })
})

test('formatVariables: parameters, then what else is kept, then the rest', () => {
  expect(formatVariables(example())).toBe(
    `
parameters (1)
  b0  w  float32 [4]  written by #3  read by #0, #3, #4, b1#1

other persistable variables (1)
  b0  lr  float32 [1]

other variables (4)
  b0  x        float32 [-1,4]  fed  stop_gradient  read by #0
  b0  h        float32 [-1,4]  written by #0, #1, #4, b1#1  read by #1, #4, b1#0
  b0  w@GRAD   float32 [4]     stop_gradient  written by #2  read by #3
  b1  doubled  float32 [-1,4]  written by #0  read by #1`.trimStart(),
  )
})

test('formatVariableDetail: who writes it, who reads it', () => {
  const program = example()
  expect(formatVariableDetail(program, 'h')).toBe(
    `
h   float32 [-1,4]   block 0
  written by  b0#0  add        Out
              b0#1  scale      Out
              b0#4  run_block  Out
              b1#1  add        Out
  read by     b0#1  scale      X
              b0#4  run_block  X
              b1#0  scale      X`.trimStart(),
  )
  expect(formatVariableDetail(program, 'lr')).toBe(
    'lr   float32 [1]   block 0   persistable\n  written by  no operator\n  read by     no operator',
  )
  expect(() => formatVariableDetail(program, 'dubled')).toThrow(
    expect.objectContaining({ code: 'E207', hint: 'did you mean "doubled"?' }),
  )
})

test('formatBytes', () => {
  expect([0, 180, 1024, 2.5 * 2 ** 20].map(formatBytes)).toEqual(['0 B', '180 B', '1.0 KiB', '2.5 MiB'])
})
