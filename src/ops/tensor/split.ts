/** split: a tensor cut into pieces along an axis. Its gradient is concat. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import {
  defineOp,
  describeOp,
  type InferContext,
  type Meta,
  many,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { ALL, INDEXES } from '../../tensor/dtype.ts'
import { resolveAxis } from '../../tensor/shape.ts'
import { concat, copyParts } from './concat.ts'
import type { RawTensor } from './copy.ts'
import { indexAt } from './indices.ts'
import { numberInput, shapeListInput } from './shape_inputs.ts'

interface SplitInputs {
  readonly X: RawTensor
  readonly AxisTensor?: RawTensor | undefined
  readonly SectionsTensorList: readonly RawTensor[]
}
interface SplitAttrs {
  readonly axis: number
  readonly num: number
  readonly sections: readonly number[]
}

function cut(
  { X, AxisTensor, SectionsTensorList }: SplitInputs,
  { axis, num, sections }: SplitAttrs,
  { Out }: { Out: readonly (RawTensor | undefined)[] },
): void {
  const along = resolveAxis('split', AxisTensor === undefined ? axis : indexAt(AxisTensor, 0), X.shape)
  const listed = SectionsTensorList.length > 0 && sections.length > 0
  const given = listed ? SectionsTensorList.map((section) => indexAt(section, 0)) : sections
  copyParts(Out, pieceSizes(X.shape[along]!, num, given, true), X, along, false)
}

const badSections = (what: string, sections: readonly number[], size: number): InvalidArgumentError =>
  new InvalidArgumentError('E201', `split: ${what} for a dimension of ${size}, got [${sections.join(', ')}]`, {
    expected: size,
    got: sections,
  })

/** The sizes of the pieces, -1 where unknown. @throws InvalidArgumentError E201. */
function pieceSizes(size: number, num: number, sections: readonly number[], known: boolean): readonly number[] {
  if (sections.length === 0) {
    if (num <= 0) {
      throw new InvalidArgumentError('E201', `split: either num or sections must be given, got num ${num}`, {
        got: num,
      })
    }
    if (size >= 0 && size % num !== 0) {
      throw new InvalidArgumentError('E201', `split: a dimension of ${size} cannot be cut into ${num} equal pieces`, {
        expected: `a multiple of ${num}`,
        got: size,
      })
    }
    return new Array<number>(num).fill(size < 0 ? -1 : size / num)
  }
  if (!known) return sections.map(() => -1)
  const open = sections.indexOf(-1)
  if (open >= 0 && sections.indexOf(-1, open + 1) >= 0) throw badSections('only one section may be -1', sections, size)
  if (sections.some((section) => section < -1)) throw badSections('a section must be 0 or more, or -1,', sections, size)
  if (size < 0) return sections
  const taken = sections.reduce((sum, section) => sum + Math.max(section, 0), 0)
  if (open >= 0 ? taken >= size : taken !== size) throw badSections('the sections must add up', sections, size)
  return sections.map((section) => (section === -1 ? size - taken : section))
}

function pieceMetas(
  X: Meta,
  AxisTensor: Meta | undefined,
  SectionsTensorList: readonly Meta[],
  attrs: SplitAttrs,
  ctx: InferContext,
): Meta[] {
  const given = AxisTensor === undefined ? attrs.axis : numberInput(ctx, 'AxisTensor')
  // As in Paddle the list of tensors counts only where the attribute says how many pieces there are.
  const listed = SectionsTensorList.length > 0 && attrs.sections.length > 0
  const sections = listed ? shapeListInput(ctx, 'SectionsTensorList', SectionsTensorList) : attrs.sections
  const known = !listed || SectionsTensorList.every((_, i) => ctx.constant('SectionsTensorList', i) !== undefined)
  const axis = given === undefined ? undefined : resolveAxis('split', given, X.shape)
  const wanted = ctx.outputCount('Out')
  // Asked first: a list of 2^31 - 1 pieces would take all memory.
  const equal = sections.length === 0 && attrs.num > wanted
  const sizes = equal ? [] : pieceSizes(axis === undefined ? -1 : X.shape[axis]!, attrs.num, sections, known)
  const pieces = equal ? attrs.num : sizes.length
  if (wanted !== pieces) {
    throw new InvalidArgumentError('E206', `split: there are ${pieces} pieces, but Out has ${wanted} variables`, {
      where: { opType: 'split', slot: 'Out' },
      expected: pieces,
      got: wanted,
    })
  }
  return sizes.map((size) => ({
    dtype: X.dtype,
    shape: X.shape.map((dim, d) => (axis === undefined ? -1 : d === axis ? size : dim)),
  }))
}

export const split = defineOp({
  type: 'split',
  doc: 'The pieces of X along an axis: `num` equal ones, or of the sizes `sections`, of which one may be -1 for what is left.',
  source: 'paddle/fluid/operators/split_op.cc',
  differs:
    'Works with a negative axis, where Paddle fails for `num` and cuts wrongly for `sections`. The number of pieces must be that of the outputs.',
  inputs: {
    X: one('One dimension or more.', ALL),
    AxisTensor: optional('One element: the axis, in place of the attribute.', INDEXES),
    SectionsTensorList: many('One element each: the sections, in place of the attribute. May be empty.', INDEXES),
  },
  outputs: { Out: many('The pieces, element type of X.') },
  attrs: { sections: attr.ints([]), num: attr.int(0), axis: attr.int(0) },
  inferMeta: ({ X, AxisTensor, SectionsTensorList }, attrs, ctx) => {
    if (X.shape.length === 0) resolveAxis('split', attrs.axis, X.shape)
    return { Out: pieceMetas(X, AxisTensor, SectionsTensorList, attrs, ctx) }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(concat, {
      inputs: { X: outputGrads.Out, AxisTensor: inputs.AxisTensor },
      outputs: { Out: inputGrads.X as string },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: cut, int64: cut, half: cut },
})
