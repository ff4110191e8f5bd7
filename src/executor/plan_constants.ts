/**
 * Values that are known while a plan is made, because shapes may follow from them: programs that were saved for any batch size cut a tensor's
 * shape to pieces and reshape by them. Operators over known values are computed by their TypeScript kernels, when somebody asks. Only small
 * tensors, and beyond literals only whole numbers: those have the same bits on every back end.
 */
import { EnforceError } from '../errors.ts'
import { type AnyOpDef, EMPTY_VAR, type Meta } from '../framework/op_def.ts'
import type { Operator } from '../framework/operator.ts'
import { byteSize, makeView } from '../tensor/dtype.ts'
import type { Generator } from '../tensor/random.ts'
import { hasUnknown, numel } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { type BoundTensor, bindKernel } from './kernels.ts'

const MOST_ELEMENTS = 64

type Metas = Readonly<Record<string, readonly (Meta | undefined)[]>>

/** The results of an operator by name, or undefined where its kernel refuses: the run will tell. */
type Results = () => ReadonlyMap<string, Tensor> | undefined

export class PlanConstants {
  /** By variable, the results of the operator that wrote it last. */
  readonly #known = new Map<string, Results>()
  readonly #generator: Generator

  constructor(generator: Generator) {
    this.#generator = generator
  }

  /** The value that the variable has behind the operators noted so far. */
  get(name: string): Tensor | undefined {
    return this.#known.get(name)?.()?.get(name)
  }

  /** What is written is known no more. */
  forget(op: Operator): void {
    for (const name of op.outputNames()) this.#known.delete(name)
  }

  /** Operators are noted in their order, with what inference gave for their outputs. */
  note(op: Operator, def: AnyOpDef, outputs: Metas, metaOf: (name: string) => Meta | undefined): void {
    const results = this.#resultsOf(op, def, outputs, metaOf)
    this.forget(op)
    if (results !== undefined) for (const name of op.outputNames()) this.#known.set(name, results)
  }

  #resultsOf(
    op: Operator,
    def: AnyOpDef,
    outputs: Metas,
    metaOf: (name: string) => Meta | undefined,
  ): Results | undefined {
    if (def.effects !== undefined) return undefined
    const names = op.inputNames()
    const isLiteral = names.length === 0 || def.readsShapesOnly === true
    if (!isLiteral && !names.every((name) => this.#known.has(name))) return undefined
    const areSmall = Object.entries(op.outputs).every(([slot, written]) =>
      written.every((name, i) => name === EMPTY_VAR || isSmall(outputs[slot]?.[i], isLiteral)),
    )
    if (!areSmall) return undefined
    // Variables may be written anew before somebody asks.
    const sources = new Map(names.map((name) => [name, isLiteral ? metaOf(name) : this.#known.get(name)!]))
    return once(() => {
      const inputs = new Map<string, BoundTensor>()
      for (const [name, source] of sources) {
        const value = typeof source === 'function' ? source()?.get(name) : source && shapeAlone(source)
        if (value === undefined) return undefined
        inputs.set(name, value)
      }
      return this.#compute(op, def, outputs, inputs)
    })
  }

  #compute(
    op: Operator,
    def: AnyOpDef,
    outputs: Metas,
    inputs: ReadonlyMap<string, BoundTensor>,
  ): ReadonlyMap<string, Tensor> | undefined {
    const results = new Map<string, Tensor>()
    for (const [slot, written] of Object.entries(op.outputs)) {
      written.forEach((name, i) => {
        if (name === EMPTY_VAR) return
        const { dtype, shape } = outputs[slot]![i]!
        const buffer = new ArrayBuffer(numel(shape) * byteSize(dtype))
        results.set(name, new Tensor(dtype, shape, makeView(dtype, buffer, 0, numel(shape))))
      })
    }
    const attrs = op.filledAttrs(def)
    try {
      bindKernel(def, attrs, bound(op.inputs, inputs), bound(op.outputs, results), this.#generator)()
    } catch (error) {
      if (error instanceof EnforceError) return undefined
      throw error
    }
    return results
  }
}

const isSmall = (meta: Meta | undefined, isLiteral: boolean): boolean =>
  meta !== undefined &&
  (meta.kind === undefined || meta.kind === 'LOD_TENSOR') &&
  !hasUnknown(meta.shape) &&
  numel(meta.shape) <= MOST_ELEMENTS &&
  (isLiteral || meta.dtype === 'int32' || meta.dtype === 'int64')

const shapeAlone = ({ dtype, shape }: Meta): BoundTensor => ({
  dtype,
  shape,
  data: makeView(dtype, new ArrayBuffer(0), 0, 0),
})

const bound = (
  slots: Readonly<Record<string, readonly string[]>>,
  values: ReadonlyMap<string, BoundTensor>,
): Record<string, (BoundTensor | undefined)[]> =>
  Object.fromEntries(Object.entries(slots).map(([slot, names]) => [slot, names.map((name) => values.get(name))]))

function once(compute: Results): Results {
  let done: { readonly results: ReturnType<Results> } | undefined
  return () => (done ??= { results: compute() }).results
}
