import { describe, expect, test } from 'vitest'
import { comparePrograms, diffPrograms, formatDiff } from '../../src/framework/diff.ts'
import { commonSubsequence } from '../../src/framework/lcs.ts'
import { Operator, type OperatorParts } from '../../src/framework/operator.ts'
import { Program } from '../../src/framework/program.ts'
import { library } from './tiny_library.ts'

function chain(length: number, change: (program: Program) => void = () => undefined): Program {
  const program = new Program(library, { callSites: false })
  const block = program.globalBlock()
  block.createVar({ name: 'v0', shape: [-1, 4], needCheckFeed: true })
  block.createParameter({ name: 'w', shape: [4] })
  for (let i = 0; i < length; i++) {
    if (i % 2 === 0)
      block.appendOp({ type: 'scale', inputs: { X: `v${i}` }, outputs: { Out: `v${i + 1}` }, attrs: { scale: 2 } })
    else block.appendOp({ type: 'add', inputs: { X: `v${i}`, Y: 'w' }, outputs: { Out: `v${i + 1}` } })
  }
  change(program)
  return program
}

const rawOp = (parts: Partial<OperatorParts> & { type: string }): Operator =>
  new Operator({ inputs: {}, outputs: {}, attrs: {}, ...parts })

function withOps(...ops: Operator[]): Program {
  const program = new Program(library, { callSites: false })
  program.globalBlock().replaceOps(ops)
  return program
}

describe('diffPrograms', () => {
  test('equal programs', () => {
    expect(diffPrograms(chain(10), chain(10))).toEqual([])
    expect(formatDiff([])).toBe('no differences')
  })

  test('an attribute, an operator more, one less, a variable, listed in order', () => {
    const a = chain(6)
    const b = chain(6, (program) => {
      const block = program.globalBlock()
      block.setAttr(block.ops[2]!, 'scale', 1)
      block.createVar({ name: 'c', shape: [2] })
      block.insertOp(4, { type: 'fill', outputs: { Out: 'c' }, attrs: { shape: [2] } })
      block.replaceOps(block.ops.filter((op) => !op.outputNames().includes('v6')))
      block.removeVar('v6')
      block.var('w').persistable = false
    })
    const differences = diffPrograms(a, b)
    expect(JSON.parse(JSON.stringify(differences))).toEqual(differences)
    expect(formatDiff(differences, { programs: [a, b] })).toBe(
      `
~ b0#2    scale  attr scale 2.0 → 1.0
+ b0#4    fill   → c
− b0#5    add    v5, w → v6
~ b0 var  w      persistable true → false
− b0 var  v6     float32 [-1,4]
+ b0 var  c      float32 [2]
3 of 6 ops differ · 3 of 8 vars differ`.trimStart(),
    )
    expect(formatDiff(differences.slice(0, 3), { ascii: true }).split('\n')).toEqual([
      '~ b0#2  scale  attr scale 2.0 -> 1.0',
      '+ b0#4  fill   -> c',
      '- b0#5  add    v5, w -> v6',
      '3 ops and 0 vars differ',
    ])
  })

  test('an operator over another variable has changed', () => {
    const b = chain(5, (program) => {
      const block = program.globalBlock()
      block.replaceOps(block.ops.map((op, i) => (i === 3 ? op.renamed((name) => (name === 'w' ? 'v0' : name)) : op)))
    })
    expect(diffPrograms(chain(5), b)).toEqual([
      {
        kind: 'op',
        change: 'changed',
        block: 0,
        index: 3,
        toIndex: 3,
        type: 'add',
        flow: 'v3, w → v4',
        fields: [{ what: 'input', name: 'Y', from: 'w', to: 'v0' }],
      },
    ])
  })

  test('a missing attribute equals its default, a missing slot an empty one', () => {
    const a = withOps(
      rawOp({
        type: 'scale',
        inputs: { X: ['x'] },
        attrs: { scale: 1, op_role: 0, op_role_var: [], op_namescope: '' },
      }),
    )
    const b = withOps(rawOp({ type: 'scale', inputs: { X: ['x'], Other: [] }, attrs: {} }))
    expect(diffPrograms(a, b)).toEqual([])
    const c = withOps(rawOp({ type: 'scale', inputs: { X: ['x'] }, attrs: { strange: 3 } }))
    expect(formatDiff(diffPrograms(a, c))).toBe('~ b0#0  scale  attr strange (none) → 3\n1 op and 0 vars differ')
    expect(diffPrograms(a, c, { ignoreAttr: (name) => name === 'strange' })).toEqual([])
  })

  test('types, dtypes, shapes and flags of variables', () => {
    const a = chain(0)
    const b = chain(0, (program) => {
      const variable = program.globalBlock().var('v0')
      variable.dtype = 'float64'
      variable.shape = [1]
      variable.stopGradient = true
    })
    expect(formatDiff(diffPrograms(a, b))).toBe(
      '~ b0 var  v0  dtype float32 → float64, shape [-1,4] → [1], stop_gradient false → true\n0 ops and 1 var differ',
    )
  })

  test('blocks that only one program has', () => {
    const b = chain(2, (program) => program.createBlock().createVar({ name: 'inner' }))
    expect(formatDiff(diffPrograms(chain(2), b))).toBe(
      '+ b1  block  0 ops, 1 var\n0 ops and 0 vars differ · 1 block differ',
    )
  })

  test('is fast for 100,000 operators, equal, nearly equal or all different', () => {
    const a = chain(100_000)
    const near = a.clone()
    const block = near.globalBlock()
    block.replaceOps(block.ops.filter((_, i) => i % 5000 !== 17))
    const far = a.clone()
    far.globalBlock().replaceOps([...a.globalBlock().ops].reverse())
    expect(diffPrograms(a, a.clone())).toEqual([])
    expect(diffPrograms(a, near)).toHaveLength(20)
    diffPrograms(a, far)
  })
})

describe('commonSubsequence', () => {
  /** By the textbook table. */
  function longest(a: readonly string[], b: readonly string[]): number {
    let row = new Array<number>(b.length + 1).fill(0)
    for (const item of a) {
      const next = [0]
      for (let j = 0; j < b.length; j++) next.push(item === b[j] ? row[j]! + 1 : Math.max(next[j]!, row[j + 1]!))
      row = next
    }
    return row[b.length]!
  }
  function expectCommon(a: readonly string[], b: readonly string[]): number {
    const pairs = commonSubsequence(a, b)
    let before: readonly [number, number] = [-1, -1]
    for (const [i, j] of pairs) {
      expect(a[i]).toBe(b[j])
      expect(i > before[0] && j > before[1]).toBe(true)
      before = [i, j]
    }
    return pairs.length
  }

  test('is a longest one for small lists', () => {
    let state = 1
    const random = (n: number): number => {
      state = (state * 48271) % 2147483647
      return state % n
    }
    for (let round = 0; round < 2000; round++) {
      const letters = 1 + random(4)
      const list = (): string[] => Array.from({ length: random(13) }, () => String(random(letters)))
      const a = list()
      const b = list()
      expect(expectCommon(a, b)).toBe(longest(a, b))
    }
  })

  test('goes on after 512 edits', () => {
    const a = Array.from({ length: 4000 }, (_, i) => (i % 2 === 0 ? `both ${i}` : `a ${i}`))
    const b = Array.from({ length: 4000 }, (_, i) => (i % 2 === 0 ? `both ${i}` : `b ${i}`))
    expect(expectCommon(a, b)).toBeGreaterThan(1900)
    expect(
      commonSubsequence(
        a,
        b.map((item) => `${item}!`),
      ),
    ).toEqual([])
  })
})

describe('comparePrograms', () => {
  test('equal programs, also with hints for other back ends and the caller in one of them', () => {
    const attrs = {
      op_callstack: ['x'],
      op_device: 'cpu',
      with_quant_attr: true,
      use_mkldnn: true,
      fuse_this: 1,
      trainer_id: 0,
    }
    const op = { type: 'scale', inputs: { X: ['x'] }, outputs: { Out: ['y'] } }
    expect(comparePrograms(withOps(rawOp({ ...op, attrs })), withOps(rawOp(op)))).toEqual([])
  })

  test('the first difference comes first, and operators end where types part', () => {
    const made = chain(4, (program) => {
      const block = program.globalBlock()
      block.setAttr(block.ops[0]!, 'scale', 3)
      block.setAttr(block.ops[1]!, 'op_role', 1)
      block.insertOp(2, { type: 'fill', outputs: { Out: 'c' } })
    })
    expect(comparePrograms(chain(4), made)).toEqual([
      'block 0, operator 0 (scale): attr scale is 3.0, recorded 2.0',
      'block 0, operator 1 (add): attr op_role is 1, recorded 0',
      'block 0, operator 2: fill(→ c), recorded scale(v2 → v3)',
      'block 0: 5 operators, recorded 4',
      'block 0, variable "c" is not in the recorded program, float32 []',
    ])
    expect(comparePrograms(chain(2), chain(1))).toEqual([
      'block 0, operator 1: no operator, recorded add(v1, w → v2)',
      'block 0: 1 operator, recorded 2',
      'block 0, variable "v2" is missing, recorded float32 [-1,4]',
    ])
  })

  test('order of arguments counts', () => {
    const a = withOps(rawOp({ type: 'sum', inputs: { X: ['a', 'b'] } }))
    const b = withOps(rawOp({ type: 'sum', inputs: { X: ['b', 'a'] } }))
    expect(comparePrograms(a, b)).toEqual(['block 0, operator 0 (sum): input X is [b, a], recorded [a, b]'])
  })

  test('but not that of while and conditional_block, whose gradients follow their arguments', () => {
    const loop = (order: readonly number[], grads: readonly string[]): Program =>
      withOps(
        rawOp({
          type: 'while',
          inputs: { X: order.map((i) => 'abc'[i]!) },
          outputs: { Out: order.map((i) => 'abc'[i]!) },
        }),
        rawOp({
          type: 'while_grad',
          inputs: { X: order.map((i) => 'abc'[i]!) },
          outputs: { 'X@GRAD': order.map((i) => grads[i]!) },
          attrs: { original_output_grad: order.map((i) => `${'abc'[i]!}@GRAD`) },
        }),
      )
    const recorded = loop([0, 1, 2], ['a@GRAD', '@EMPTY@', 'c@GRAD'])
    expect(comparePrograms(recorded, loop([2, 0, 1], ['a@GRAD', '@EMPTY@', 'c@GRAD']))).toEqual([])
    expect(diffPrograms(recorded, loop([1, 2, 0], ['a@GRAD', '@EMPTY@', 'c@GRAD']))).toEqual([])
    expect(comparePrograms(recorded, loop([2, 0, 1], ['@EMPTY@', 'a@GRAD', 'c@GRAD']))).toEqual([
      'block 0, operator 1 (while_grad): output X@GRAD is [@EMPTY@, a@GRAD, c@GRAD], recorded [a@GRAD, @EMPTY@, c@GRAD]',
    ])
  })

  test('FLOAT attributes are compared as float32, others exactly', () => {
    const a = withOps(rawOp({ type: 'scale', attrs: { scale: 0.1 } }))
    expect(comparePrograms(a, withOps(rawOp({ type: 'scale', attrs: { scale: Math.fround(0.1) } })))).toEqual([])
    expect(comparePrograms(a, withOps(rawOp({ type: 'scale', attrs: { scale: 0.10001 } })))).toHaveLength(1)
    const unknown = (x: number): Program =>
      withOps(rawOp({ type: 'unknown', attrs: { x }, attrTypes: { x: 'FLOAT64' } }))
    expect(comparePrograms(unknown(0.1), unknown(Math.fround(0.1)))).toHaveLength(1)
  })

  test('of a variable without tensor only the type is compared', () => {
    const program = (persistable: boolean, type: 'STEP_SCOPES' | 'RAW' = 'STEP_SCOPES'): Program =>
      chain(0, (made) => made.globalBlock().createVar({ name: 's', type, persistable, stopGradient: persistable }))
    expect(comparePrograms(program(true), program(false))).toEqual([])
    expect(comparePrograms(program(true), program(true, 'RAW'))).toEqual([
      'block 0, variable "s": type is RAW, recorded STEP_SCOPES',
    ])
  })

  test('only some operators and variables', () => {
    const made = chain(3, (program) => program.globalBlock().setAttr(program.globalBlock().ops[0]!, 'scale', 9))
    const options = { ops: (op: Operator) => op.type === 'add', vars: () => false }
    expect(comparePrograms(chain(3), made, options)).toEqual([])
    expect(comparePrograms(chain(4), made, options)).toEqual([
      'block 0, operator 3: no operator, recorded add(v3, w → v4)',
      'block 0: 1 operator, recorded 2',
    ])
  })

  test('blocks', () => {
    const made = chain(0, (program) => program.createBlock(0, 0))
    expect(comparePrograms(chain(0), made)).toEqual(['the program has 2 blocks, recorded 1'])
    expect(
      comparePrograms(
        chain(0, (program) => program.createBlock()),
        made,
      ),
    ).toEqual(['block 1: forward_block_idx is 0, recorded -1'])
  })
})
