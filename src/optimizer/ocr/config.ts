/** Reading the members of a PaddleOCR configuration: each is there or has a default, has its type, and none is left over. */
import { InvalidArgumentError, suggest } from '../../errors.ts'

/** Plain data, as a YAML file gives it, under PaddleOCR's names. */
export type Config = Readonly<Record<string, unknown>>

/** One object of the configuration, read member by member. */
export class ConfigReader {
  readonly #config: Config
  readonly #path: string
  readonly #read = new Set<string>()

  /** @param path where the object stands, for errors: `Optimizer.lr`. @throws InvalidArgumentError E319 unless it is an object. */
  constructor(config: unknown, path: string) {
    this.#path = path
    if (typeof config !== 'object' || config === null || Array.isArray(config)) {
      throw badConfig(path, 'an object', config)
    }
    this.#config = config as Config
  }

  has(name: string): boolean {
    this.#read.add(name)
    return Object.hasOwn(this.#config, name) && this.#config[name] !== null && this.#config[name] !== undefined
  }

  /** A finite number. Without `fallback` it must be there. */
  number(name: string, fallback?: number): number {
    return this.#member(name, fallback, 'a finite number', (value): value is number => Number.isFinite(value))
  }

  numbers(name: string): readonly number[] {
    return this.#member(
      name,
      undefined,
      'a list of finite numbers',
      (value): value is number[] => Array.isArray(value) && value.every((item) => Number.isFinite(item)),
    )
  }

  flag(name: string, fallback: boolean): boolean {
    return this.#member(name, fallback, 'true or false', (value): value is boolean => typeof value === 'boolean')
  }

  text(name: string, fallback?: string): string {
    return this.#member(name, fallback, 'text', (value): value is string => typeof value === 'string')
  }

  /** A text that is one of `choices`. */
  choice<T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const value = this.text(name, fallback)
    if ((choices as readonly string[]).includes(value)) return value as T
    const hint = suggest(value, choices)
    throw badConfig(`${this.#path}.${name}`, `one of ${choices.join(', ')}`, value, hint)
  }

  /** An object inside this one. */
  inner(name: string): ConfigReader {
    this.#read.add(name)
    return new ConfigReader(this.#config[name], `${this.#path}.${name}`)
  }

  /** @throws InvalidArgumentError E319 for a member that nobody read: it would be without effect. */
  finish(): void {
    const left = Object.keys(this.#config).find((name) => !this.#read.has(name))
    if (left === undefined) return
    const known = [...this.#read]
    const hint = suggest(left, known) ?? `known members are ${known.join(', ')}`
    throw badConfig(`${this.#path}.${left}`, 'left out: nothing reads it', this.#config[left], hint)
  }

  #member<T>(name: string, fallback: T | undefined, wanted: string, isWanted: (value: unknown) => value is T): T {
    if (!this.has(name)) {
      if (fallback !== undefined) return fallback
      throw badConfig(`${this.#path}.${name}`, wanted, undefined)
    }
    const value = this.#config[name]
    if (isWanted(value)) return value
    throw badConfig(`${this.#path}.${name}`, wanted, value)
  }
}

function badConfig(path: string, wanted: string, got: unknown, hint?: string): InvalidArgumentError {
  return new InvalidArgumentError('E319', `${path} must be ${wanted}, got ${JSON.stringify(got) ?? 'nothing'}`, {
    expected: wanted,
    got,
    hint,
  })
}
