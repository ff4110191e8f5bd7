/** The `--json` document of a run, put together as the run goes on. */
import { toJsonText } from '../framework/json_text.ts'
import type { Value } from '../tensor/tensor.ts'
import { type Output, plain } from './output.ts'

interface EpochEntry {
  readonly epoch: number
  /** Means over the steps, weighted by rows. */
  readonly train: Readonly<Record<string, number>>
  readonly test: Readonly<Record<string, number>> | null
}

export class RunDocument {
  startupMs = 0
  totalMs = 0
  steps = 0
  readonly warnings: string[] = []
  readonly #program: object
  /** As text, which is smaller than the lists of numbers it was made from. */
  readonly #steps: string[] = []
  readonly #epochs: EpochEntry[] = []
  #fetch = '{}'

  constructor(program: object) {
    this.#program = program
  }

  addStep(names: readonly string[], values: readonly Value[]): void {
    this.#steps.push(valuesText(names, values))
  }

  addEpoch(
    epoch: number,
    train: Readonly<Record<string, number>>,
    test: Readonly<Record<string, number>> | undefined,
  ): void {
    this.#epochs.push({ epoch, train, test: test ?? null })
  }

  setFetch(names: readonly string[], values: readonly Value[]): void {
    this.#fetch = values.length === 0 ? '{}' : valuesText(names, values)
  }

  /** Writes it piece by piece: all steps together may be longer than a text can be. */
  write({ io }: Output, ok: boolean, more: object = {}): void {
    const { stdout } = io
    const head = toJsonText(plain({ ok, command: 'run', ...more, program: this.#program }))
    stdout.write(`${head.slice(0, -1)},"fetch":${this.#fetch},"steps":[`)
    this.#steps.forEach((text, i) => {
      stdout.write(i === 0 ? text : `,${text}`)
    })
    const timing = { startupMs: this.startupMs, steps: this.steps, totalMs: this.totalMs }
    const epochs = this.#epochs.length === 0 ? {} : { epochs: this.#epochs }
    stdout.write(`],${toJsonText(plain({ ...epochs, timing, warnings: this.warnings })).slice(1)}\n`)
  }
}

function valuesText(names: readonly string[], values: readonly Value[]): string {
  return `{${names.map((name, i) => `${JSON.stringify(name)}:${toJsonText(plain(values[i]!.toJSON()))}`).join(',')}}`
}
