/** What a pass is: a function from program to program, with a name and a promise about the numbers. */
import type { Program } from '../../framework/program.ts'
import type { Tensor } from '../../tensor/tensor.ts'

export interface Pass {
  /** As `--passes` names it. */
  readonly name: string
  /** What it does, one or two sentences; printed by `oarlock opt --list`. */
  readonly doc: string
  /**
   * False: every value that is fetched or kept has the same bits as before, on each back end. A number: values may differ by this share of
   * the largest magnitude in their tensor.
   */
  readonly changesBits: false | number
  /** True for a pass that computes with the values of parameters; without them it does nothing. */
  readonly needsValues?: true
  /** The program after the pass: the argument itself, which is never edited, if there was nothing to do. */
  readonly run: (program: Program, context: PassContext) => Program
}

export interface PassContext {
  /** Whether somebody will ask for the value of a variable after a run. */
  readonly isWanted: (name: string) => boolean
  /** Values of persistable variables, where they are known. */
  readonly values: PassValues | undefined
}

/** Values that passes read, and those of variables that they add. */
export class PassValues {
  readonly #read: (name: string) => Tensor | undefined
  readonly added = new Map<string, Tensor>()

  constructor(read: (name: string) => Tensor | undefined) {
    this.#read = read
  }

  get(name: string): Tensor | undefined {
    return this.added.get(name) ?? this.#read(name)
  }

  set(name: string, value: Tensor): void {
    this.added.set(name, value)
  }
}
