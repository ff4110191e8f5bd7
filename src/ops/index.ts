/** The table of the standard operators, by Paddle's operator type. */
import type { Attrs, Filled, FilledAttrs, GivenAttrs, OpLibrary, Slots } from '../framework/op_def.ts'
import { relu, reluGrad } from './math/activation.ts'
import { adam } from './optimizer/adam.ts'
import { sgd } from './optimizer/sgd.ts'

export const ops = {
  // math
  relu,
  relu_grad: reluGrad,
  // optimizer
  adam,
  sgd,
} satisfies OpLibrary

export type OpType = keyof typeof ops

type SlotsOf<S> = S extends Slots ? S : never
type AttrsIn<A> = A extends Attrs ? A : never

/** Inputs of an operator as `V` per slot. */
export type InputsOf<T extends OpType, V> = Filled<SlotsOf<(typeof ops)[T]['inputs']>, V>
export type OutputsOf<T extends OpType, V> = Filled<SlotsOf<(typeof ops)[T]['outputs']>, V>
/** Attributes as a caller gives them. */
export type AttrsOf<T extends OpType> = GivenAttrs<AttrsIn<(typeof ops)[T]['attrs']>>
/** Attributes with defaults filled in. */
export type FilledAttrsOf<T extends OpType> = FilledAttrs<AttrsIn<(typeof ops)[T]['attrs']>>
