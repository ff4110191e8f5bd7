/** AdamW: Adam with decoupled weight decay. Source: python/paddle/optimizer/adamw.py (2.6.2); Loshchilov and Hutter 2017. */
import { Adam, type AdamOptions } from './adam.ts'
import { checkOptions, FINITE } from './check.ts'
import type { OptimizedParameter } from './parameter.ts'

export interface AdamWOptions extends Omit<AdamOptions, 'weightDecay'> {
  /** Strength of the decay. Default 0.01. */
  readonly weightDecay?: number
  /** Whether a parameter decays, by its name. Default: all do. */
  readonly applyDecayParamFun?: ((name: string) => boolean) | null
  /** Factor on the decay of a parameter. */
  readonly lrRatio?: ((param: OptimizedParameter) => number) | null
}

export class AdamW extends Adam {
  override readonly type = 'AdamW'
  readonly #coeff: number
  readonly #decays: (name: string) => boolean
  readonly #lrRatio: ((param: OptimizedParameter) => number) | null

  /** @throws InvalidArgumentError E310 for a weightDecay that is no number. */
  constructor(options: AdamWOptions = {}) {
    const { weightDecay = 0.01, applyDecayParamFun, lrRatio, ...rest } = options
    super(rest)
    checkOptions('AdamW', FINITE, { weightDecay })
    this.#coeff = weightDecay
    this.#decays = applyDecayParamFun ?? (() => true)
    this.#lrRatio = lrRatio ?? null
  }

  override _update_of(param: OptimizedParameter): {
    readonly type: string
    readonly attrs: Readonly<Record<string, unknown>>
  } {
    return {
      type: 'adamw',
      attrs: {
        with_decay: this.#decays(param.name),
        coeff: this.#coeff,
        lr_ratio: this.#lrRatio === null ? 1 : this.#lrRatio(param),
      },
    }
  }
}
