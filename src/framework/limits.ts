/**
 * How large an input may be before it is refused, so that no file can exhaust time or memory. Every limit is a default that the caller may
 * raise or lower; an error about a limit names the limit, the value and what was allowed. Figures: program files of 100,000 operators
 * (about 60 MB) must pass, and what JavaScript itself cannot hold (strings of 2^29 units, maps of 2^24 entries) must never be reached.
 */

export interface Limits {
  /** Program file or text: bytes of UTF-8, or UTF-16 units where a string is given. */
  readonly programBytes: number
  /** Nested arrays and objects in JSON, nested messages in a ProgramDesc: levels, the outermost is level 1. */
  readonly nesting: number
  /** Members of one object in JSON. */
  readonly members: number
  /** Arrays and objects in one JSON text: empty ones cost three bytes of text and a hundred of memory. */
  readonly containers: number
  /** Blocks of one program. */
  readonly blocks: number
  /** Blocks on the way from block 0 to the innermost block, both counted. */
  readonly blockNesting: number
  /** Operators of one program, all blocks together. */
  readonly ops: number
  /** Variables of one program, all blocks together. */
  readonly vars: number
  /** Variable names in one slot of one operator. */
  readonly namesPerSlot: number
  /** Elements of one list attribute. */
  readonly attrList: number
  /** Elements of a list attribute that holds a tensor's values, such as `fp32_values` of assign_value. */
  readonly valueList: number
  /** A text attribute, or one element of a list of texts: UTF-16 units. */
  readonly stringAttr: number
  /** Name of a variable, slot, attribute or operator type: UTF-16 units. */
  readonly nameLength: number
  /** Dimensions of one tensor (Paddle's DDim holds nine). */
  readonly rank: number
  /** Elements of one tensor. */
  readonly tensorElements: number
  /** Bytes of one tensor. */
  readonly tensorBytes: number
  /** Bytes of all tensors of one run. */
  readonly runBytes: number
  /** Iterations of one `while` operator in one run. */
  readonly loopIterations: number
  /** Operators run in one call of the Executor, those in loops counted each time. */
  readonly opRuns: number
}

const MIB = 2 ** 20

export const LIMITS: Limits = Object.freeze({
  programBytes: 64 * MIB,
  nesting: 64,
  members: 262_144,
  containers: 8_388_608,
  blocks: 1024,
  blockNesting: 32,
  ops: 1_000_000,
  vars: 2_000_000,
  namesPerSlot: 65_536,
  attrList: 65_536,
  valueList: 16_777_216,
  stringAttr: 65_536,
  nameLength: 1024,
  rank: 9,
  tensorElements: 2 ** 31 - 1,
  tensorBytes: 1024 * MIB,
  runBytes: 2048 * MIB,
  loopIterations: 10_000_000,
  opRuns: 1_000_000_000,
})

/** The defaults with some of them replaced. */
export const withLimits = (changes: Partial<Limits> = {}): Limits => ({ ...LIMITS, ...changes })
