/**
 * The WebAssembly instructions that kernels are made of, as functions from code to code: `f32x4.add(a, b)` is the code of a, then that of b,
 * then the instruction. Code is typed by the one value that it leaves, so a wrong operand does not compile.
 * Source: WebAssembly Core Specification 2.0, section 5.4, and the threads proposal.
 */

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128'

/** Instructions that leave one value of type T on the stack. */
export interface Code<T extends ValueType = ValueType> {
  readonly type: T
  readonly bytes: readonly number[]
}

/** Unsigned LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value >>> 0
  do {
    const low = rest & 0x7f
    rest >>>= 7
    bytes.push(rest === 0 ? low : low | 0x80)
  } while (rest !== 0)
  return bytes
}

/** Signed LEB128 of a 32-bit number. */
export function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value | 0
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
    bytes.push(done ? low : low | 0x80)
    if (done) return bytes
  }
}

function signed64(value: bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt.asIntN(64, value)
  for (;;) {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)
    bytes.push(done ? low : low | 0x80)
    if (done) return bytes
  }
}

const f32Bytes = (value: number): number[] => [...new Uint8Array(new Float32Array([value]).buffer)]
const f64Bytes = (value: number): number[] => [...new Uint8Array(new Float64Array([value]).buffer)]
const i32Bytes = (value: number): number[] => [...new Uint8Array(new Int32Array([value]).buffer)]

const SIMD = 0xfd
const simd = (opcode: number): number[] => [SIMD, ...unsigned(opcode)]

type Unary<R extends ValueType, A extends ValueType = R> = (a: Code<A>) => Code<R>
type Binary<R extends ValueType, A extends ValueType = R, B extends ValueType = A> = (a: Code<A>, b: Code<B>) => Code<R>

const unary =
  <R extends ValueType, A extends ValueType = R>(type: R, ...opcode: number[]): Unary<R, A> =>
  (a) => ({ type, bytes: [...a.bytes, ...opcode] })
const binary =
  <R extends ValueType, A extends ValueType = R, B extends ValueType = A>(
    type: R,
    ...opcode: number[]
  ): Binary<R, A, B> =>
  (a, b) => ({ type, bytes: [...a.bytes, ...b.bytes, ...opcode] })

/** `offset` is a constant number of bytes that is added to the address. */
type Load<R extends ValueType> = (address: Code<'i32'>, offset?: number) => Code<R>
const load =
  <R extends ValueType>(type: R, align: number, ...opcode: number[]): Load<R> =>
  (address, offset = 0) => ({ type, bytes: [...address.bytes, ...opcode, align, ...unsigned(offset)] })

/** Code that leaves nothing. */
export interface Effect {
  readonly bytes: readonly number[]
}
type Store<V extends ValueType> = (address: Code<'i32'>, value: Code<V>, offset?: number) => Effect
const store =
  <V extends ValueType>(align: number, ...opcode: number[]): Store<V> =>
  (address, value, offset = 0) => ({ bytes: [...address.bytes, ...value.bytes, ...opcode, align, ...unsigned(offset)] })

export const i32 = {
  const: (value: number): Code<'i32'> => ({ type: 'i32', bytes: [0x41, ...signed(value)] }),
  add: binary('i32', 0x6a),
  sub: binary('i32', 0x6b),
  mul: binary('i32', 0x6c),
  divS: binary('i32', 0x6d),
  remS: binary('i32', 0x6f),
  and: binary('i32', 0x71),
  or: binary('i32', 0x72),
  xor: binary('i32', 0x73),
  shl: binary('i32', 0x74),
  shrS: binary('i32', 0x75),
  shrU: binary('i32', 0x76),
  eqz: unary('i32', 0x45),
  eq: binary('i32', 0x46),
  ne: binary('i32', 0x47),
  ltS: binary('i32', 0x48),
  ltU: binary('i32', 0x49),
  gtS: binary('i32', 0x4a),
  gtU: binary('i32', 0x4b),
  leS: binary('i32', 0x4c),
  geS: binary('i32', 0x4e),
  geU: binary('i32', 0x4f),
  wrapI64: unary<'i32', 'i64'>('i32', 0xa7),
  truncSatF32S: unary<'i32', 'f32'>('i32', 0xfc, 0),
  truncSatF64S: unary<'i32', 'f64'>('i32', 0xfc, 2),
  reinterpretF32: unary<'i32', 'f32'>('i32', 0xbc),
  load: load('i32', 2, 0x28),
  load8U: load('i32', 0, 0x2d),
  load16U: load('i32', 1, 0x2f),
  store: store<'i32'>(2, 0x36),
  store8: store<'i32'>(0, 0x3a),
  store16: store<'i32'>(1, 0x3b),
  /** `whenTrue` where `condition` is not 0; both are computed. */
  select: (condition: Code<'i32'>, whenTrue: Code<'i32'>, whenFalse: Code<'i32'>): Code<'i32'> => ({
    type: 'i32',
    bytes: [...whenTrue.bytes, ...whenFalse.bytes, ...condition.bytes, 0x1b],
  }),
  atomicLoad: load('i32', 2, 0xfe, 0x10),
  atomicStore: store<'i32'>(2, 0xfe, 0x17),
  /** Adds and leaves the value that was there. */
  atomicAdd: (address: Code<'i32'>, value: Code<'i32'>, offset = 0): Code<'i32'> => ({
    type: 'i32',
    bytes: [...address.bytes, ...value.bytes, 0xfe, 0x1e, 2, ...unsigned(offset)],
  }),
}

export const i64 = {
  const: (value: bigint): Code<'i64'> => ({ type: 'i64', bytes: [0x42, ...signed64(value)] }),
  add: binary('i64', 0x7c),
  mul: binary('i64', 0x7e),
  eqz: unary<'i32', 'i64'>('i32', 0x50),
  eq: binary<'i32', 'i64'>('i32', 0x51),
  ltS: binary<'i32', 'i64'>('i32', 0x53),
  geS: binary<'i32', 'i64'>('i32', 0x59),
  extendI32S: unary<'i64', 'i32'>('i64', 0xac),
  truncSatF32S: unary<'i64', 'f32'>('i64', 0xfc, 4),
  select: (condition: Code<'i32'>, whenTrue: Code<'i64'>, whenFalse: Code<'i64'>): Code<'i64'> => ({
    type: 'i64',
    bytes: [...whenTrue.bytes, ...whenFalse.bytes, ...condition.bytes, 0x1b],
  }),
  load: load('i64', 3, 0x29),
  store: store<'i64'>(3, 0x37),
}

export const f32 = {
  const: (value: number): Code<'f32'> => ({ type: 'f32', bytes: [0x43, ...f32Bytes(value)] }),
  add: binary('f32', 0x92),
  sub: binary('f32', 0x93),
  mul: binary('f32', 0x94),
  div: binary('f32', 0x95),
  min: binary('f32', 0x96),
  max: binary('f32', 0x97),
  abs: unary('f32', 0x8b),
  neg: unary('f32', 0x8c),
  sqrt: unary('f32', 0x91),
  eq: binary<'i32', 'f32'>('i32', 0x5b),
  ne: binary<'i32', 'f32'>('i32', 0x5c),
  lt: binary<'i32', 'f32'>('i32', 0x5d),
  gt: binary<'i32', 'f32'>('i32', 0x5e),
  ge: binary<'i32', 'f32'>('i32', 0x60),
  demoteF64: unary<'f32', 'f64'>('f32', 0xb6),
  convertI32S: unary<'f32', 'i32'>('f32', 0xb2),
  convertI64S: unary<'f32', 'i64'>('f32', 0xb4),
  load: load('f32', 2, 0x2a),
  store: store<'f32'>(2, 0x38),
  select: (condition: Code<'i32'>, whenTrue: Code<'f32'>, whenFalse: Code<'f32'>): Code<'f32'> => ({
    type: 'f32',
    bytes: [...whenTrue.bytes, ...whenFalse.bytes, ...condition.bytes, 0x1b],
  }),
}

export const f64 = {
  const: (value: number): Code<'f64'> => ({ type: 'f64', bytes: [0x44, ...f64Bytes(value)] }),
  add: binary('f64', 0xa0),
  sub: binary('f64', 0xa1),
  mul: binary('f64', 0xa2),
  div: binary('f64', 0xa3),
  sqrt: unary('f64', 0x9f),
  floor: unary('f64', 0x9c),
  max: binary('f64', 0xa5),
  eq: binary<'i32', 'f64'>('i32', 0x61),
  promoteF32: unary<'f64', 'f32'>('f64', 0xbb),
  convertI32S: unary<'f64', 'i32'>('f64', 0xb7),
  convertI64S: unary<'f64', 'i64'>('f64', 0xb9),
  load: load('f64', 3, 0x2b),
  store: store<'f64'>(3, 0x39),
}

/** Vectors of 128 bits, whatever their lanes. Loads and stores need no alignment. */
export const v128 = {
  load: load('v128', 2, ...simd(0)),
  /** One float32 in all four lanes. */
  load32Splat: load('v128', 2, ...simd(9)),
  load64Splat: load('v128', 3, ...simd(10)),
  /** One float32 in lane 0, zeros in the others. */
  load32Zero: load('v128', 2, ...simd(0x5c)),
  /** Two float32 in lanes 0 and 1, zeros in the others. */
  load64Zero: load('v128', 3, ...simd(0x5d)),
  store: store<'v128'>(2, ...simd(11)),
  store32Lane: (address: Code<'i32'>, value: Code<'v128'>, lane: number, offset = 0): Effect => ({
    bytes: [...address.bytes, ...value.bytes, ...simd(0x5a), 2, ...unsigned(offset), lane],
  }),
  store64Lane: (address: Code<'i32'>, value: Code<'v128'>, lane: number, offset = 0): Effect => ({
    bytes: [...address.bytes, ...value.bytes, ...simd(0x5b), 3, ...unsigned(offset), lane],
  }),
  load32Lane: (address: Code<'i32'>, value: Code<'v128'>, lane: number, offset = 0): Code<'v128'> => ({
    type: 'v128',
    bytes: [...address.bytes, ...value.bytes, ...simd(0x56), 2, ...unsigned(offset), lane],
  }),
  /** A 16-bit or 8-bit number into a lane of the vector. */
  load16Lane: (address: Code<'i32'>, value: Code<'v128'>, lane: number, offset = 0): Code<'v128'> => ({
    type: 'v128',
    bytes: [...address.bytes, ...value.bytes, ...simd(0x55), 1, ...unsigned(offset), lane],
  }),
  load8Lane: (address: Code<'i32'>, value: Code<'v128'>, lane: number, offset = 0): Code<'v128'> => ({
    type: 'v128',
    bytes: [...address.bytes, ...value.bytes, ...simd(0x54), 0, ...unsigned(offset), lane],
  }),
  store16Lane: (address: Code<'i32'>, value: Code<'v128'>, lane: number, offset = 0): Effect => ({
    bytes: [...address.bytes, ...value.bytes, ...simd(0x59), 1, ...unsigned(offset), lane],
  }),
  store8Lane: (address: Code<'i32'>, value: Code<'v128'>, lane: number, offset = 0): Effect => ({
    bytes: [...address.bytes, ...value.bytes, ...simd(0x58), 0, ...unsigned(offset), lane],
  }),
  not: unary('v128', ...simd(77)),
  and: binary('v128', ...simd(78)),
  /** a and not b. */
  andnot: binary('v128', ...simd(79)),
  or: binary('v128', ...simd(80)),
  xor: binary('v128', ...simd(81)),
  /** Bits of a where the mask has 1, of b where it has 0. */
  bitselect: (a: Code<'v128'>, b: Code<'v128'>, mask: Code<'v128'>): Code<'v128'> => ({
    type: 'v128',
    bytes: [...a.bytes, ...b.bytes, ...mask.bytes, ...simd(82)],
  }),
  /** Lanes by number: 0 to 3 of a, 4 to 7 of b. */
  shuffle32: (a: Code<'v128'>, b: Code<'v128'>, lanes: readonly [number, number, number, number]): Code<'v128'> => ({
    type: 'v128',
    bytes: [
      ...a.bytes,
      ...b.bytes,
      ...simd(13),
      ...lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
    ],
  }),
  /** Bytes by number: 0 to 15 of a, 16 to 31 of b. */
  shuffle8: (a: Code<'v128'>, b: Code<'v128'>, bytes: readonly number[]): Code<'v128'> => ({
    type: 'v128',
    bytes: [...a.bytes, ...b.bytes, ...simd(13), ...bytes],
  }),
  anyTrue: unary<'i32', 'v128'>('i32', ...simd(83)),
}

const extract =
  <R extends ValueType>(type: R, opcode: number) =>
  (a: Code<'v128'>, lane: number): Code<R> => ({ type, bytes: [...a.bytes, ...simd(opcode), lane] })

const splatConst = (lane: readonly number[], count: number): Code<'v128'> => ({
  type: 'v128',
  bytes: [...simd(12), ...Array.from({ length: count }, () => lane).flat()],
})

export const f32x4 = {
  const: (value: number): Code<'v128'> => splatConst(f32Bytes(value), 4),
  splat: unary<'v128', 'f32'>('v128', ...simd(19)),
  extractLane: extract('f32', 31),
  eq: binary('v128', ...simd(65)),
  ne: binary('v128', ...simd(66)),
  lt: binary('v128', ...simd(67)),
  gt: binary('v128', ...simd(68)),
  le: binary('v128', ...simd(69)),
  ge: binary('v128', ...simd(70)),
  ceil: unary('v128', ...simd(103)),
  floor: unary('v128', ...simd(104)),
  trunc: unary('v128', ...simd(105)),
  nearest: unary('v128', ...simd(106)),
  abs: unary('v128', ...simd(224)),
  neg: unary('v128', ...simd(225)),
  sqrt: unary('v128', ...simd(227)),
  add: binary('v128', ...simd(228)),
  sub: binary('v128', ...simd(229)),
  mul: binary('v128', ...simd(230)),
  div: binary('v128', ...simd(231)),
  min: binary('v128', ...simd(232)),
  max: binary('v128', ...simd(233)),
  /** b < a ? b : a */
  pmin: binary('v128', ...simd(234)),
  /** a < b ? b : a */
  pmax: binary('v128', ...simd(235)),
  convertI32x4S: unary('v128', ...simd(250)),
  demoteF64x2Zero: unary('v128', ...simd(94)),
}

export const f64x2 = {
  const: (value: number): Code<'v128'> => splatConst(f64Bytes(value), 2),
  splat: unary<'v128', 'f64'>('v128', ...simd(20)),
  extractLane: extract('f64', 33),
  add: binary('v128', ...simd(240)),
  sub: binary('v128', ...simd(241)),
  mul: binary('v128', ...simd(242)),
  div: binary('v128', ...simd(243)),
  min: binary('v128', ...simd(244)),
  max: binary('v128', ...simd(245)),
  abs: unary('v128', ...simd(236)),
  neg: unary('v128', ...simd(237)),
  sqrt: unary('v128', ...simd(239)),
  trunc: unary('v128', ...simd(122)),
  eq: binary('v128', ...simd(71)),
  lt: binary('v128', ...simd(73)),
  gt: binary('v128', ...simd(74)),
  /** Lanes 0 and 1 of a float32 vector. */
  promoteLowF32x4: unary('v128', ...simd(95)),
}

export const i64x2 = {
  shl: binary<'v128', 'v128', 'i32'>('v128', ...simd(203)),
  shrS: binary<'v128', 'v128', 'i32'>('v128', ...simd(204)),
  shrU: binary<'v128', 'v128', 'i32'>('v128', ...simd(205)),
}

export const i32x4 = {
  const: (value: number): Code<'v128'> => splatConst(i32Bytes(value), 4),
  splat: unary<'v128', 'i32'>('v128', ...simd(17)),
  extractLane: extract('i32', 27),
  eq: binary('v128', ...simd(55)),
  ne: binary('v128', ...simd(56)),
  ltS: binary('v128', ...simd(57)),
  gtS: binary('v128', ...simd(59)),
  gtU: binary('v128', ...simd(60)),
  shl: binary<'v128', 'v128', 'i32'>('v128', ...simd(171)),
  shrS: binary<'v128', 'v128', 'i32'>('v128', ...simd(172)),
  shrU: binary<'v128', 'v128', 'i32'>('v128', ...simd(173)),
  add: binary('v128', ...simd(174)),
  sub: binary('v128', ...simd(177)),
  mul: binary('v128', ...simd(181)),
  minS: binary('v128', ...simd(182)),
  maxS: binary('v128', ...simd(184)),
  truncSatF32x4S: unary('v128', ...simd(248)),
  /** Lanes 0 to 3 of eight 16-bit numbers, without sign. */
  extendLowI16x8U: unary('v128', ...simd(169)),
  extendHighI16x8U: unary('v128', ...simd(170)),
}

export const i16x8 = {
  /** Eight 16-bit numbers from the 32-bit ones of a and b, cut to 0 … 65535. */
  narrowI32x4U: binary('v128', ...simd(134)),
  /** Eight 8-bit numbers, without sign. */
  extendLowI8x16U: unary('v128', ...simd(137)),
}

export const i8x16 = {
  /** Sixteen 8-bit numbers from the 16-bit ones of a and b, cut to 0 … 255. */
  narrowI16x8U: binary('v128', ...simd(102)),
}
