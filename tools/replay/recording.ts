/** A folder of a program recorded from real Paddle (contract.md, "Recorded programs"): plain JSON files, or the same compressed with gzip. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { OpLibrary } from '../../src/framework/op_def.ts'
import { Program } from '../../src/framework/program.ts'
import { ops } from '../../src/ops/index.ts'

export interface ParameterRecord {
  readonly name: string
  readonly trainable: boolean
  readonly stop_gradient: boolean
  readonly learning_rate: number
  readonly regularizer: { readonly class: 'L1Decay' | 'L2Decay'; readonly coeff: number } | null
  readonly need_clip: boolean
}

export interface MinimizeRecord {
  readonly optimizer: string
  readonly args: Readonly<Record<string, unknown>>
  readonly loss?: string
  readonly minimize_args?: { readonly no_grad_set?: readonly string[]; readonly parameters?: readonly string[] }
  readonly params_grads?: readonly (readonly [string, string])[]
  readonly apply_gradients?: boolean
}

/** A schedule under Paddle's names; `learning_rate` of LinearWarmup may be another one. */
export interface SchedulerRecord {
  readonly class: string
  readonly args: Readonly<Record<string, unknown>>
}

export interface Meta {
  readonly name: string
  readonly random_seed: number
  readonly paddle_seed: number
  readonly minimize: readonly MinimizeRecord[]
  readonly append_backward?: {
    readonly loss: string
    readonly params_grads: readonly (readonly [string, string])[]
    readonly checkpoints?: readonly string[]
    readonly no_grad_set?: readonly string[]
  }
  readonly gradients?: {
    readonly targets?: readonly string[]
    readonly inputs?: readonly string[]
    readonly target_gradients?: readonly (string | null)[]
    readonly result?: readonly (string | null)[]
    readonly then_loss?: string
    readonly chain?: readonly string[]
    readonly input?: string
  }
  /** Error clips by variable, set before the calls. */
  readonly error_clip?: Readonly<Record<string, { readonly min: number; readonly max: number }>>
  readonly unique_names_before_backward?: Readonly<Record<string, number>>
  readonly unique_names_after?: Readonly<Record<string, number>>
  readonly parameters?: readonly ParameterRecord[]
  readonly fetches: readonly string[]
  readonly test_fetches: readonly string[]
  readonly amp?: Readonly<Record<string, unknown>>
  readonly amp_init?: { readonly use_fp16_test?: boolean }
  readonly scheduler?: SchedulerRecord
  /** The rates of the recorded steps. */
  readonly lr_values?: readonly number[]
}

export interface Trace {
  readonly steps: readonly {
    readonly step: number
    readonly fetches: Readonly<Record<string, unknown>>
    readonly vars?: Readonly<Record<string, unknown>>
  }[]
  readonly final?: Readonly<Record<string, unknown>>
  readonly test?: { readonly feed_index: number; readonly fetches: Readonly<Record<string, unknown>> }
}

export class Recording {
  readonly folder: string
  readonly meta: Meta

  constructor(folder: string) {
    this.folder = folder
    const meta = this.json<Meta>('meta')
    if (meta === undefined) throw new Error(`${folder} holds no meta.json: it is no recorded program`)
    this.meta = meta
  }

  /** The content of `<name>.json` or `<name>.json.gz`, undefined if neither is there. */
  json<T>(name: string): T | undefined {
    const text = this.#text(name)
    return text === undefined ? undefined : (JSON.parse(text) as T)
  }

  /** The program in `<name>.json`. */
  program(name: string, library: OpLibrary = ops): Program | undefined {
    const text = this.#text(name)
    return text === undefined ? undefined : Program.from(text, { library, file: `${name}.json` })
  }

  #text(name: string): string | undefined {
    const path = join(this.folder, `${name}.json`)
    if (existsSync(path)) return readFileSync(path, 'utf8')
    return existsSync(`${path}.gz`) ? gunzipSync(readFileSync(`${path}.gz`)).toString('utf8') : undefined
  }
}
