/** Checks of what optimizers, clips and decays are made with. All throw InvalidArgumentError E310 with the option, what is wanted and what was given. */
import { InvalidArgumentError } from '../errors.ts'

interface Rule {
  readonly wanted: string
  readonly allows: (value: number) => boolean
}

export const FINITE: Rule = { wanted: 'a finite number', allows: Number.isFinite }
export const NOT_NEGATIVE: Rule = {
  wanted: 'a finite number, 0 or more',
  allows: (value) => Number.isFinite(value) && value >= 0,
}
/** A decay of a moving average. */
export const BELOW_ONE: Rule = { wanted: 'in [0, 1)', allows: (value) => value >= 0 && value < 1 }

/** Options by name; the first that its rule does not allow is refused. */
export function checkOptions(type: string, rule: Rule, options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'number' && rule.allows(value)) continue
    throw new InvalidArgumentError('E310', `${type}: ${name} must be ${rule.wanted}, got ${String(value)}`, {
      expected: { [name]: rule.wanted },
      got: value,
    })
  }
}
