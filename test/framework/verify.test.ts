import { describe, expect, test } from 'vitest'
import { Operator, type OperatorParts } from '../../src/framework/operator.ts'
import { Program } from '../../src/framework/program.ts'
import { type Issue, verify } from '../../src/framework/verify.ts'
import { library } from './tiny_library.ts'

/** x (fed), w (parameter), h = x + w, y = 2 h. */
function sound(): Program {
  const program = new Program(library, { callSites: false })
  const block = program.globalBlock()
  block.createVar({ name: 'x', shape: [-1, 4], needCheckFeed: true })
  block.createParameter({ name: 'w', shape: [4] })
  block.appendOp({ type: 'add', inputs: { X: 'x', Y: 'w' }, outputs: { Out: 'h' } })
  block.appendOp({ type: 'scale', inputs: { X: 'h' }, outputs: { Out: 'y' }, attrs: { scale: 2 } })
  return program
}

/** The sound program with an operator put in before any check. */
function withOp(parts: Partial<OperatorParts> & { type: string }, index = 2): Program {
  const program = sound()
  program.globalBlock().insertOperator(index, new Operator({ inputs: {}, outputs: {}, attrs: {}, ...parts }))
  return program
}

const brief = ({ severity, code, category, message, where }: Issue) => [
  severity,
  code,
  category,
  message,
  where.block,
  where.op,
]
const issuesOf = (program: Program) => {
  const issues = verify(program)
  expect(JSON.parse(JSON.stringify(issues))).toEqual(issues)
  return issues
}
const briefs = (program: Program) => issuesOf(program).map(brief)
const errorsOf = (program: Program) => issuesOf(program).filter(({ severity }) => severity === 'error')

test('a sound program has no issues', () => {
  expect(verify(sound())).toEqual([])
  expect(verify(new Program(library))).toEqual([])
})

describe('operators', () => {
  test('E401 unknown, with the nearest name', () => {
    const issues = issuesOf(withOp({ type: 'scal', inputs: { X: ['y'] } }))
    expect(issues).toEqual([
      {
        severity: 'error',
        code: 'E401',
        category: 'Unimplemented',
        message: 'operator "scal" is not implemented',
        where: { block: 0, op: 2, opType: 'scal', text: 'scal(X=y)' },
        got: 'scal',
        hint: 'did you mean "scale"?',
      },
    ])
  })

  test('of an unknown operator names are checked too, and its outputs are written', () => {
    const program = withOp({ type: 'mystery', inputs: { X: ['nowhere'] }, outputs: { Out: ['z'] } })
    program.globalBlock().createVar({ name: 'z', shape: [2] })
    program.globalBlock().appendOp({ type: 'scale', inputs: { X: 'z' }, outputs: { Out: 'end' } })
    expect(errorsOf(program).map(({ code }) => code)).toEqual(['E401', 'E207'])
  })

  test('E205 and E206 slots; an empty unknown slot is none', () => {
    expect(briefs(withOp({ type: 'scale', inputs: { X: ['y'], Z: ['y'] }, outputs: { Out: ['y'] } }))).toEqual([
      ['error', 'E205', 'NotFound', 'scale has no input slot "Z"', 0, 2],
    ])
    expect(errorsOf(withOp({ type: 'scale', outputs: { Out: ['y'] } })).map(brief)).toEqual([
      ['error', 'E206', 'InvalidArgument', 'scale: input slot X needs a variable, got none', 0, 2],
    ])
    expect(briefs(withOp({ type: 'scale', inputs: { X: ['y', 'y'] }, outputs: { Out: ['y'] } }))).toEqual([
      ['error', 'E206', 'InvalidArgument', 'scale: input slot X takes one variable, got 2', 0, 2],
    ])
    expect(verify(withOp({ type: 'scale', inputs: { X: ['y'], Z: [] }, outputs: { Out: ['y'] } }))).toEqual([])
    for (const outputs of [{}, { Out: [] }, { Out: ['@EMPTY@'] }] as Record<string, string[]>[]) {
      expect(briefs(withOp({ type: 'scale', inputs: { X: ['y'] }, outputs }))).toEqual([
        ['error', 'E206', 'InvalidArgument', 'scale: output slot Out needs a variable, got none', 0, 2],
      ])
    }
  })

  test('W112 an unknown slot with variables, where an older version of Paddle wrote the program', () => {
    const slots = { type: 'scale', inputs: { X: ['y'], Z: ['y'] }, outputs: { Out: ['y'] } }
    const program = withOp(slots)
    program.version = 2_003_002
    expect(briefs(program)).toEqual([
      ['warning', 'W112', 'InvalidArgument', 'scale has no input slot "Z": it is kept, but has no effect', 0, 2],
    ])
    program.version = 2_006_002
    expect(briefs(program)).toEqual([['error', 'E205', 'NotFound', 'scale has no input slot "Z"', 0, 2]])
  })

  test('E201 an attribute of the wrong type, and one that must be given', () => {
    const attrs = { scale: 'two' as unknown as number, op_role: 'forward' }
    expect(briefs(withOp({ type: 'scale', inputs: { X: ['y'] }, outputs: { Out: ['y'] }, attrs }))).toEqual([
      ['error', 'E201', 'InvalidArgument', 'scale: attr scale must be a number within float32, got two', 0, 2],
      ['error', 'E201', 'InvalidArgument', 'scale: attr op_role must be a 32-bit whole number, got forward', 0, 2],
    ])
    expect(
      briefs(withOp({ type: 'normalize', inputs: { X: ['y'] }, outputs: { Out: ['y'], Mean: ['y'] } })),
    ).toContainEqual(['error', 'E201', 'InvalidArgument', 'normalize: attr mode must be given', 0, 2])
  })

  test('W111 an attribute without effect; hints for other back ends are none', () => {
    const attrs = { scal: 2, use_mkldnn: true, op_device: '' }
    const issues = issuesOf(
      withOp({ type: 'scale', inputs: { X: ['y'] }, outputs: { Out: ['y'] }, attrs, attrTypes: { scal: 'FLOAT' } }),
    )
    expect(issues.map(brief)).toEqual([
      ['warning', 'W111', 'InvalidArgument', 'scale has no attribute "scal": it is kept, but has no effect', 0, 2],
    ])
    expect(issues[0]!.hint).toBe('did you mean "scale"?')
  })

  test('E223 two outputs of one name', () => {
    const op = { type: 'normalize', inputs: { X: ['y'] }, outputs: { Out: ['z'], Mean: ['z'] }, attrs: { mode: '' } }
    const program = withOp(op)
    program.globalBlock().createVar({ name: 'z', shape: [-1, 4] })
    expect(briefs(program)[0]).toEqual([
      'error',
      'E223',
      'InvalidArgument',
      'normalize writes "z" twice, as Out and as Mean',
      0,
      2,
    ])
    const unwanted = { type: 'stack_like_grad', inputs: { X: ['y'] }, outputs: { Out: ['@EMPTY@', '@EMPTY@'] } }
    expect(briefs(withOp(unwanted)).map(([, code]) => code)).toEqual(['E401'])
  })
})

describe('variables', () => {
  test('E207 not declared, with the nearest names, for inputs and outputs', () => {
    const program = withOp({ type: 'add', inputs: { X: ['xx'], Y: ['w'] }, outputs: { Out: ['out'] } })
    const issues = errorsOf(program)
    expect(issues.map(brief)).toEqual([
      ['error', 'E207', 'NotFound', 'block 0 has no variable "xx"', 0, 2],
      ['error', 'E207', 'NotFound', 'block 0 has no variable "out"', 0, 2],
    ])
    expect(issues[0]).toMatchObject({ where: { slot: 'X', variable: 'xx' }, hint: 'did you mean "x"?' })
  })

  test('E220 read before it is written, once a variable', () => {
    const program = withOp({ type: 'scale', inputs: { X: ['y'] }, outputs: { Out: ['h'] } }, 0)
    const issues = issuesOf(program)
    expect(issues.map(brief)).toEqual([
      ['error', 'E220', 'PreconditionNotMet', '"y" is read before it has a value', 0, 0],
    ])
    expect(issues[0]!.got).toBe('the first operator that writes it is 2 of block 0')
  })

  test('E220 does not hold for what is fed, kept, or an array', () => {
    const program = sound()
    const block = program.globalBlock()
    block.createVar({ name: 'state', shape: [4], persistable: true })
    block.createVar({ name: 'array', shape: [4], type: 'LOD_TENSOR_ARRAY' })
    block.createVar({ name: 'orphan', shape: [4] })
    for (const name of ['state', 'array', 'orphan'])
      block.appendOp({ type: 'add', inputs: { X: name, Y: 'w' }, outputs: { Out: 'end' } })
    expect(
      issuesOf(program)
        .filter(({ severity }) => severity === 'error')
        .map(brief),
    ).toEqual([['error', 'E220', 'PreconditionNotMet', '"orphan" is read before it has a value', 0, 4]])
  })

  test('E222 shape or element type not what the operator makes', () => {
    const program = sound()
    program.globalBlock().var('y').shape = [-1, 5]
    const issues = issuesOf(program)
    expect(issues.map(brief)).toEqual([
      ['error', 'E222', 'InvalidArgument', 'scale makes Out of shape [-1, 4], but "y" has [-1, 5]', 0, 1],
    ])
    expect(issues[0]).toMatchObject({ expected: [-1, 4], got: [-1, 5], where: { slot: 'Out', variable: 'y' } })
    program.globalBlock().var('y').shape = [3, 4]
    expect(verify(program)).toEqual([])
    program.globalBlock().var('y').dtype = 'float64'
    expect(briefs(program)).toEqual([
      ['error', 'E222', 'InvalidArgument', 'scale makes Out float32, but "y" is float64', 0, 1],
    ])
  })

  test('one element may have shape [1] or []: files from before 0-D tensors', () => {
    const program = new Program(library)
    const block = program.globalBlock()
    block.appendOp({ type: 'fill', outputs: { Out: 'a' } })
    block.var('a').shape = [1]
    expect(verify(program)).toEqual([])
    block.var('a').shape = [2]
    expect(issuesOf(program).map(({ code }) => code)).toEqual(['E222'])
  })

  test('what inference throws: shapes, element types', () => {
    const program = sound()
    program.globalBlock().var('w').shape = [5]
    expect(issuesOf(program)[0]).toMatchObject({
      code: 'E203',
      category: 'InvalidArgument',
      where: { block: 0, op: 0 },
    })
    program.globalBlock().var('w').shape = [4]
    program.globalBlock().var('w').dtype = 'int32'
    expect(issuesOf(program)[0]).toMatchObject({ code: 'E210', expected: 'float32', got: 'int32' })
    const integers = sound()
    for (const name of ['x', 'w', 'h', 'y']) integers.globalBlock().var(name).dtype = 'int32'
    expect(issuesOf(integers)[0]).toMatchObject({ code: 'E403', category: 'Unimplemented' })
  })

  test('constants are those of the point, not of the end of the block', () => {
    const program = new Program(library)
    const block = program.globalBlock()
    block.createVar({ name: 'x', shape: [6], needCheckFeed: true })
    const shape = (value: number) =>
      block.appendOp({ type: 'fill', outputs: { Out: 'shape' }, attrs: { shape: [1], value, dtype: 'int64' } })
    shape(6)
    block.appendOp({ type: 'reshape', inputs: { X: 'x', Shape: 'shape' }, outputs: { Out: 'a' } })
    shape(7)
    block.appendOp({ type: 'add', inputs: { X: 'x', Y: 'a' }, outputs: { Out: 'end' } })
    expect(block.var('a').shape).toEqual([6])
    expect(verify(program)).toEqual([])
  })

  test('W110 written, never read; not for the end, spare outputs, kept variables or single numbers', () => {
    const program = sound()
    const block = program.globalBlock()
    block.appendOp({ type: 'scale', inputs: { X: 'x' }, outputs: { Out: 'unused' } })
    block.appendOp({
      type: 'normalize',
      inputs: { X: 'y' },
      outputs: { Out: 'normal', Mean: 'spare' },
      attrs: { mode: '' },
    })
    block.createVar({ name: 'kept', persistable: true })
    block.appendOp({ type: 'scale', inputs: { X: 'normal' }, outputs: { Out: 'kept' } })
    block.appendOp({ type: 'scale', inputs: { X: 'spare' }, outputs: { Out: 'metric' } })
    block.appendOp({ type: 'scale', inputs: { X: 'normal' }, outputs: { Out: 'end' } })
    program.withRole(1, [], () => block.appendOp({ type: 'fill', outputs: { Out: 'x@GRAD' }, attrs: { shape: [3] } }))
    const issues = issuesOf(program)
    expect(issues.map(brief)).toEqual([
      ['warning', 'W110', 'InvalidArgument', 'variable "unused" is written, never read', 0, 2],
    ])
    expect(issues[0]!.where).toMatchObject({ slot: 'Out', variable: 'unused' })
  })
})

describe('blocks', () => {
  /** A block that reads h and writes y, run in place of the second operator. */
  function nested(): Program {
    const program = sound()
    const block = program.globalBlock()
    const inner = program.createBlock()
    inner.appendOp({ type: 'scale', inputs: { X: 'h' }, outputs: { Out: 'local' } })
    inner.appendOp({ type: 'scale', inputs: { X: 'local' }, outputs: { Out: 'y' } })
    program.rollback()
    block.replaceOps(block.ops.slice(0, 1))
    block.appendOp({ type: 'run_block', inputs: { X: ['h'] }, outputs: { Out: ['y'] }, attrs: { sub_block: 1 } })
    return program
  }

  test('a block inside sees what ran before, and its writes are seen behind it', () => {
    const program = nested()
    const block = program.globalBlock()
    block.appendOp({ type: 'scale', inputs: { X: 'y' }, outputs: { Out: 'end' } })
    expect(verify(program)).toEqual([])
    block.replaceOps([block.ops[1]!, block.ops[0]!, block.ops[2]!])
    expect(issuesOf(program).map(({ code, where }) => [code, where.block, where.op, where.variable])).toEqual([
      ['E220', 0, 0, 'h'],
    ])
  })

  test('a block of gradients sees the variables of the block whose gradient it holds', () => {
    const program = nested()
    const inner = program.createBlock(0, 1)
    inner.appendOp({ type: 'fill', outputs: { Out: 'local@GRAD' }, attrs: { shape: [4] } })
    inner.insertOperator(
      1,
      new Operator({
        type: 'add',
        inputs: { X: ['local'], Y: ['local@GRAD'] },
        outputs: { Out: ['h@GRAD'] },
        attrs: {},
      }),
    )
    inner.createVar({ name: 'h@GRAD', shape: [-1, 4] })
    program.rollback()
    program.globalBlock().appendOp({ type: 'run_block', attrs: { sub_block: 2 } })
    expect(verify(program)).toEqual([])
  })

  test('E221 out of range', () => {
    const program = nested()
    program.globalBlock().setAttr(program.globalBlock().ops[1]!, 'sub_block', 5)
    expect(briefs(program)).toEqual([
      [
        'error',
        'E221',
        'OutOfRange',
        'run_block: attr sub_block names block 5, but the program has no such block',
        0,
        1,
      ],
    ])
  })

  test('E221 its own block, and a circle of blocks', () => {
    const program = nested()
    program.globalBlock().setAttr(program.globalBlock().ops[1]!, 'sub_block', 0)
    expect(briefs(program)[0]).toEqual([
      'error',
      'E221',
      'InvalidArgument',
      "run_block: attr sub_block names block 0, the operator's own",
      0,
      1,
    ])
    const circle = nested()
    circle.blocks[1]!.insertOperator(
      0,
      new Operator({ type: 'run_block', inputs: {}, outputs: {}, attrs: { sub_block: 0 } }),
    )
    expect(briefs(circle)).toEqual([
      [
        'error',
        'E221',
        'InvalidArgument',
        'run_block: attr sub_block names block 0, which the operator itself is run by (0 → 1 → 0)',
        1,
        0,
      ],
    ])
  })

  test('a block that nobody runs is checked too', () => {
    const program = nested()
    program.globalBlock().replaceOps(program.globalBlock().ops.slice(0, 1))
    program.blocks[1]!.insertOperator(2, new Operator({ type: 'scal', inputs: {}, outputs: {}, attrs: {} }))
    expect(errorsOf(program).map(brief)).toEqual([
      ['error', 'E401', 'Unimplemented', 'operator "scal" is not implemented', 1, 2],
    ])
  })
})

test('values that JSON lacks become text', () => {
  const attrs = { scale: 12345678901234567890n }
  const issues = issuesOf(withOp({ type: 'scale', inputs: { X: ['y'] }, outputs: { Out: ['y'] }, attrs }))
  expect(issues[0]).toMatchObject({ code: 'E201', got: '"12345678901234567890"' })
})

test('is linear: 50,000 operators that all have faults', () => {
  const program = new Program(library, { callSites: false })
  const block = program.globalBlock()
  const ops: Operator[] = []
  for (let i = 0; i < 50_000; i++) {
    block.createVar({ name: `v${i}`, shape: [2] })
    ops.push(
      new Operator({
        type: i % 2 === 0 ? 'scal' : 'scale',
        inputs: { X: [`u${i}`] },
        outputs: { Out: [`v${i}`] },
        attrs: {},
      }),
    )
  }
  block.replaceOps(ops)
  expect(verify(program).filter(({ code }) => code === 'E207')).toHaveLength(50_000)
})
