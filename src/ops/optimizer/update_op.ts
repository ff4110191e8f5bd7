/**
 * The family of optimizers that update a parameter and some accumulators element by element. Each entry is a table row: accumulators,
 * attributes and the formula. In float32 a formula rounds after every operation, through the function `r` that it is given; in float64 `r`
 * is the identity. With a master weight the formula runs on the master, and ParamOut is the master rounded.
 */
import { UnimplementedError } from '../../errors.ts'
import {
  type AnyOpDef,
  type Attrs,
  defineOp,
  type FilledAttrs,
  type KernelTensor,
  type Meta,
  one,
  optional,
  type ScopeKernelContext,
  type Slot,
} from '../../framework/op_def.ts'
import { allocate, FLOATS, isHalf, type NumberArray } from '../../tensor/dtype.ts'
import { mergeRows } from '../../tensor/selected_rows.ts'
import { product } from '../../tensor/shape.ts'
import { SelectedRows, type Tensor } from '../../tensor/tensor.ts'
import { checkOptimizerInputs, requireOneElement } from './checks.ts'

export type Round = (x: number) => number

/** The arrays of one update. Outputs may be the same arrays as inputs: an element must be read before it is written. */
export interface Update {
  readonly param: NumberArray
  readonly grad: NumberArray
  readonly rate: number
  /** Accumulators, in the order of the entry. */
  readonly state: readonly NumberArray[]
  /** Values of the entry's one-element inputs. */
  readonly scalars: readonly number[]
  readonly paramOut: NumberArray
  readonly stateOut: readonly NumberArray[]
}

export interface UpdateEntry<A extends Attrs> {
  readonly doc: string
  readonly source: string
  readonly differs?: string
  /** Accumulator slots of Param's shape; each is written to `<slot>Out` unless `outNames` says otherwise. */
  readonly accumulators: readonly string[]
  readonly outNames?: readonly string[]
  /** Accumulators that may be absent. */
  readonly optionalAccumulators?: readonly string[]
  /** Further inputs of one element that are only read. */
  readonly scalars?: readonly string[]
  readonly attrs: A
  /** False where Paddle declares no MasterParam. Default true. */
  readonly master?: boolean
  /** True where a MasterParam that is given counts without multi_precision. */
  readonly masterBySlot?: boolean
  /** True where selected rows mean the dense gradient with zeros in the rows that are not listed. */
  readonly sparse?: boolean
  readonly update: (update: Update, attrs: FilledAttrs<A>, r: Round) => void
}

const identity: Round = (x) => x

/** Rounds as the parameter's arithmetic does: to float32, except in float64. */
const roundOf = (data: NumberArray): Round => (data instanceof Float64Array ? identity : Math.fround)

export function updateOp<const A extends Attrs>(type: string, entry: UpdateEntry<A>): AnyOpDef {
  const { accumulators, scalars = [], master = true, optionalAccumulators = [] } = entry
  const outNames = entry.outNames ?? accumulators.map((slot) => `${slot}Out`)
  const inputs: Record<string, Slot> = {
    Param: one('The parameter, any shape.', FLOATS),
    Grad: one('Shape and element type of Param.'),
    LearningRate: one('One element.'),
  }
  const outputs: Record<string, Slot> = { ParamOut: one('The same variable as Param.') }
  const inplace: Record<string, string> = { ParamOut: 'Param' }
  accumulators.forEach((slot, i) => {
    const doc = 'Shape of Param; float32 for half parameters.'
    inputs[slot] = optionalAccumulators.includes(slot) ? optional(doc) : one(doc)
    outputs[outNames[i]!] = one(`The same variable as ${slot}.`)
    inplace[outNames[i]!] = slot
  })
  for (const slot of scalars) inputs[slot] = one('One element.')
  if (master) {
    inputs['MasterParam'] = optional('float32 copy of a half parameter, used when multi_precision is set.', ['float32'])
    outputs['MasterParamOut'] = optional('The same variable as MasterParam.')
    inplace['MasterParamOut'] = 'MasterParam'
  }
  return defineOp({
    type,
    doc: entry.doc,
    source: entry.source,
    differs: `${entry.differs === undefined ? '' : `${entry.differs} `}Grad must have the shape of Param.${master ? ' Master weights work on the CPU, with the meaning of the GPU kernel.' : ''}`,
    inputs,
    outputs,
    attrs: entry.attrs,
    inferMeta(given: Readonly<Record<string, unknown>>) {
      const meta = (slot: string): Meta => given[slot] as Meta
      const present = accumulators.filter((slot) => given[slot] !== undefined)
      checkOptimizerInputs(type, {
        Param: meta('Param'),
        Grad: meta('Grad'),
        LearningRate: meta('LearningRate'),
        accumulators: Object.fromEntries(present.map((slot) => [slot, meta(slot)])),
        MasterParam: given['MasterParam'] as Meta | undefined,
      })
      for (const slot of scalars) requireOneElement(type, slot, meta(slot))
      const metas: Record<string, Meta> = { ParamOut: meta('Param') }
      const wide: Meta = isHalf(meta('Param').dtype) ? { ...meta('Param'), dtype: 'float32' } : meta('Param')
      accumulators.forEach((slot, i) => {
        metas[outNames[i]!] = given[slot] === undefined ? wide : meta(slot)
      })
      if (given['MasterParam'] !== undefined) metas['MasterParamOut'] = meta('MasterParam')
      return metas
    },
    grad: 'none',
    inplace,
    effects: 'state',
    kernels: {
      cpu(givenInputs: unknown, attrs: FilledAttrs<A>, givenOutputs: unknown) {
        const tensors = givenInputs as Readonly<Record<string, KernelTensor | undefined>>
        const out = givenOutputs as Readonly<Record<string, KernelTensor | undefined>>
        const useMaster =
          entry.masterBySlot === true || (attrs as Readonly<Record<string, unknown>>)['multi_precision'] === true
        const from = (useMaster ? tensors['MasterParam'] : undefined) ?? tensors['Param']!
        const paramOut = out['ParamOut']!.data
        const zeros = (): NumberArray => allocate('float64', paramOut.length) as NumberArray
        entry.update(
          {
            param: from.data,
            grad: tensors['Grad']!.data,
            rate: tensors['LearningRate']!.data[0]!,
            state: accumulators.map((slot) => tensors[slot]?.data ?? zeros()),
            scalars: scalars.map((slot) => tensors[slot]!.data[0]!),
            paramOut,
            stateOut: outNames.map((slot) => out[slot]!.data),
          },
          attrs,
          roundOf(paramOut),
        )
        if (useMaster) out['MasterParamOut']?.data.set(paramOut)
      },
      ...(entry.sparse === true
        ? { selectedRows: (ctx: ScopeKernelContext) => updateSparse(type, entry, outNames, ctx) }
        : {}),
    },
  } as never) as unknown as AnyOpDef
}

/** The same update with a gradient of selected rows: equal rows are added up, rows without one have a gradient of zero. */
function updateSparse<A extends Attrs>(
  type: string,
  entry: UpdateEntry<A>,
  outNames: readonly string[],
  ctx: ScopeKernelContext,
): void {
  const nameOf = (slot: string): string => ctx.inputNames(slot)[0]!
  const grad = ctx.get(nameOf('Grad'))
  const param = ctx.get(nameOf('Param')) as Tensor
  if (!(grad instanceof SelectedRows) || isHalf(param.dtype)) {
    throw new UnimplementedError('E403', `${type} has no kernel for selected rows of ${param.dtype}`, {
      where: { opType: type },
    })
  }
  const slots = ['Param', ...entry.accumulators.filter((slot) => ctx.inputNames(slot).length > 0)]
  for (const slot of slots) {
    const out = slot === 'Param' ? 'ParamOut' : outNames[entry.accumulators.indexOf(slot)]!
    const target = ctx.outputNames(out)[0]!
    if (target !== nameOf(slot)) ctx.set(target, ctx.get(nameOf(slot))!)
  }
  const merged = mergeRows(grad)
  const dense = allocate(param.dtype, product(param.shape)) as NumberArray
  const width = product(param.shape, 1)
  merged.rows.forEach((row, i) => {
    dense.set((merged.value.data as Float32Array).subarray(i * width, (i + 1) * width), row * width)
  })
  const written = (slot: string): NumberArray => {
    const name = ctx.outputNames(slot)[0]
    const value = name === undefined ? undefined : (ctx.get(name) as Tensor | undefined)
    return value === undefined ? (allocate(param.dtype, dense.length) as NumberArray) : (value.data as NumberArray)
  }
  const paramOut = written('ParamOut')
  const state = outNames.map(written)
  entry.update(
    {
      param: paramOut,
      grad: dense,
      rate: Number((ctx.get(nameOf('LearningRate')) as Tensor).at(0)),
      state,
      scalars: (entry.scalars ?? []).map((slot) => Number((ctx.get(nameOf(slot)) as Tensor).at(0))),
      paramOut,
      stateOut: state,
    },
    ctx.attrs as FilledAttrs<A>,
    roundOf(paramOut),
  )
}
