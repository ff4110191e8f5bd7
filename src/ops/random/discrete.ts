/** Random whole numbers: bernoulli, randint, randperm, seed. */
import { InvalidArgumentError, makeError, OutOfRangeError, UnimplementedError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, one } from '../../framework/op_def.ts'
import { type DType, dtypeToProto, FLOATS, INDEXES } from '../../tensor/dtype.ts'
import { engineFor, shuffle, uniformFloat32, uniformFloat64, uniformInt } from '../../tensor/random.ts'
import type { RawTensor } from '../tensor/copy.ts'
import { shapeOf, shapeSlots } from './random.ts'

export const bernoulli = defineOp({
  type: 'bernoulli',
  doc: '1 with the probability that X holds, else 0; one draw from the generator for each element.',
  source: 'paddle/phi/kernels/cpu/bernoulli_kernel.cc',
  inputs: { X: one('Probabilities, any shape.', FLOATS) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {},
  inferMeta: ({ X }) => ({ Out: X }),
  grad: 'none',
  effects: 'random',
  kernels: {
    cpu({ X }, _attrs, { Out }, { generator }) {
      const { engine } = generator
      for (let i = 0; i < X.data.length; i++) {
        const p = X.data[i]!
        if (!(p >= 0 && p <= 1)) {
          throw new OutOfRangeError('E216', `bernoulli: element ${i} of X is ${p}, outside [0, 1]`, {
            where: { opType: 'bernoulli', slot: 'X' },
            expected: [0, 1],
            got: p,
          })
        }
        const draw = X.data instanceof Float64Array ? uniformFloat64(engine) : uniformFloat32(engine)
        Out.data[i] = draw < p ? 1 : 0
      }
    },
  },
})

/** Writes whole numbers, whatever the element type. */
function store(out: RawTensor, next: (i: number) => number): void {
  const { data } = out
  if (data instanceof BigInt64Array) for (let i = 0; i < data.length; i++) data[i] = BigInt(next(i))
  else for (let i = 0; i < data.length; i++) data[i] = next(i)
}

/** @throws UnimplementedError E403 unless the element type is one of `dtypes`. */
function requireKernel(opType: string, dtype: DType | -1, dtypes: readonly DType[]): DType {
  if (dtype !== -1 && dtypes.includes(dtype)) return dtype
  throw new UnimplementedError('E403', `${opType} has no kernel for ${dtype}`, { expected: dtypes, got: dtype })
}

function drawInts(
  _inputs: unknown,
  { low, high, seed }: { low: number; high: number; seed: number },
  { Out }: { Out: RawTensor },
  { generator }: { generator: Parameters<typeof engineFor>[1] },
): void {
  const engine = engineFor(seed === 0 ? 0 : dtypeToProto(Out.dtype), generator)
  store(Out, () => uniformInt(engine, low, high - 1))
}

export const randint = defineOp({
  type: 'randint',
  doc: 'Whole numbers drawn evenly from [low, high).',
  source: 'paddle/phi/kernels/cpu/randint_kernel.cc',
  inputs: shapeSlots,
  outputs: { Out: one('The given shape and element type.') },
  attrs: {
    low: attr.int(),
    high: attr.int(),
    shape: attr.dims([]),
    dtype: attr.dtype('int64'),
    seed: attr.int(0, {
      doc: '0 draws from the generator of the run; any other number gives one sequence for each dtype, as in Paddle.',
    }),
  },
  inferMeta({ ShapeTensor, ShapeTensorList }, { shape, low, high, dtype }, ctx) {
    if (low >= high) {
      throw new InvalidArgumentError('E201', `randint: attr low must be below high, got low ${low} and high ${high}`, {
        got: { low, high },
      })
    }
    return {
      Out: {
        dtype: requireKernel('randint', dtype, INDEXES),
        shape: shapeOf('randint', { ShapeTensor, ShapeTensorList }, shape, ctx),
      },
    }
  },
  grad: 'none',
  effects: 'random',
  kernels: { cpu: drawInts, int64: drawInts },
})

function permute(
  _inputs: unknown,
  { n }: { n: number },
  { Out }: { Out: RawTensor },
  { generator }: { generator: Parameters<typeof engineFor>[1] },
): void {
  const order = Int32Array.from({ length: n }, (_, i) => i)
  shuffle(generator.engine, order)
  store(Out, (i) => order[i]!)
}

const permDTypes: readonly DType[] = [...INDEXES, ...FLOATS]

export const randperm = defineOp({
  type: 'randperm',
  doc: 'The numbers 0 to n - 1 in random order.',
  source: 'paddle/phi/kernels/cpu/randperm_kernel.cc',
  inputs: {},
  outputs: { Out: one('[n], of the element type `dtype`.') },
  attrs: {
    n: attr.int(),
    dtype: attr.dtype('int64'),
    seed: attr.int(0, { extra: true, doc: 'Has no effect, as in Paddle: the generator of the run decides.' }),
  },
  inferMeta(_inputs, { n, dtype }) {
    if (n < 0) {
      throw makeError('PreconditionNotMet', 'E201', `randperm: attr n must be 0 or more, got ${n}`, {
        expected: '0 or more',
        got: n,
      })
    }
    return { Out: { dtype: requireKernel('randperm', dtype, permDTypes), shape: [n] } }
  },
  grad: 'none',
  effects: 'random',
  kernels: { cpu: permute, int64: permute },
})

export const seed = defineOp({
  type: 'seed',
  doc: 'The number `seed`, or for 0 a random one.',
  source: 'paddle/phi/kernels/cpu/seed_kernel.cc',
  differs: 'The random number is drawn from the generator of the run, so that a run can be repeated.',
  inputs: {},
  outputs: { Out: one('[1], int32.') },
  attrs: { seed: attr.int(0) },
  inferMeta: () => ({ Out: { dtype: 'int32', shape: [1] } }),
  grad: 'none',
  effects: 'random',
  kernels: {
    cpu(_inputs, attrs, { Out }, { generator }) {
      Out.data[0] = attrs.seed === 0 ? uniformInt(generator.engine, -(2 ** 31), 2 ** 31 - 1) : attrs.seed
    },
  },
})
