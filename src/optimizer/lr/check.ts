/** Checks of what schedules are made with. All throw InvalidArgumentError E315 with the option, what is wanted and what was given. */
import { InvalidArgumentError } from '../../errors.ts'

/** `value`, if it is `wanted`. */
export function checkOption<T>(type: string, option: string, value: T, isWanted: boolean, wanted: string): T {
  if (isWanted) return value
  throw new InvalidArgumentError('E315', `${type}: ${option} must be ${wanted}, got ${textOf(value)}`, {
    expected: { [option]: wanted },
    got: value,
  })
}

/** A finite number for which `isAllowed` holds. */
export function checkNumber(
  type: string,
  option: string,
  value: number,
  wanted = 'a finite number',
  isAllowed: (value: number) => boolean = () => true,
): number {
  return checkOption(type, option, value, Number.isFinite(value) && isAllowed(value), wanted)
}

/** A whole number of `least` or more. */
export function checkWhole(type: string, option: string, value: number, least = 1): number {
  return checkOption(
    type,
    option,
    value,
    Number.isSafeInteger(value) && value >= least,
    `a whole number of ${least} or more`,
  )
}

export function checkChoice<T extends string>(type: string, option: string, value: T, choices: readonly T[]): T {
  return checkOption(type, option, value, choices.includes(value), `one of ${choices.join(', ')}`)
}

/** A list of finite numbers; a copy, so that the caller's list may change. */
export function checkNumbers(type: string, option: string, value: readonly number[]): readonly number[] {
  const isList = Array.isArray(value) && value.every((item) => Number.isFinite(item))
  return [...checkOption(type, option, value, isList, 'a list of finite numbers')]
}

export function checkFunction<T>(type: string, option: string, value: T): T {
  return checkOption(type, option, value, typeof value === 'function', 'a function')
}

function textOf(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
}
