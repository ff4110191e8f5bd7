/** Programs over the signatures of the standard operators. */
import type { OpLibrary } from '../framework/op_def.ts'
import { Program as BaseProgram, type ProgramOptions } from '../framework/program.ts'
import { SIGNATURES } from './signature_table.ts'
import { readSignatures } from './signatures.ts'

/**
 * Slots and attributes of the standard operators. Each is a definition without inference, gradient and kernels: `appendOp` checks names and
 * attributes with it and leaves the shapes of outputs to the caller.
 */
export const signatures: OpLibrary = /* @__PURE__ */ readSignatures(SIGNATURES)

/** A program that is read, printed, checked, edited and written, and not run. */
export class Program extends BaseProgram {
  constructor(library: OpLibrary = signatures, options: ProgramOptions = {}) {
    super(library, options)
  }

  /**
   * A program from a JSON object, JSON text or bytes, or from ProgramDesc bytes (.pdmodel).
   * @throws InvalidArgumentError E5xx with the JSON pointer, line and column of a text, the offset in bytes.
   */
  static override from(
    source: unknown,
    options: { readonly library?: OpLibrary; readonly file?: string } = {},
  ): BaseProgram {
    return BaseProgram.from(source, { library: signatures, ...options })
  }
}
