/**
 * The programs that operators are being recorded into, while a `build` callback runs. Outside of one there are none.
 * Source: python/paddle/base/framework.py, program_guard (2.6.2).
 */
import { PreconditionNotMetError } from '../errors.ts'
import type { Program } from './program.ts'

export interface ProgramPair {
  readonly main: Program
  readonly startup: Program
}

let current: ProgramPair | undefined

/** The programs being built, or undefined outside of `build`. */
export const currentPrograms = (): ProgramPair | undefined => current

/** @throws PreconditionNotMetError E040 outside of `build`. */
export function requirePrograms(what: string): ProgramPair {
  if (current === undefined) {
    throw new PreconditionNotMetError('E040', `${what} is only possible while a program is built`, {
      hint: 'call it inside build(() => { … })',
    })
  }
  return current
}

/** Runs `body` with `programs` as the ones being built, and puts the former ones back. */
export function withPrograms<T>(programs: ProgramPair, body: () => T): T {
  const before = current
  current = programs
  try {
    return body()
  } finally {
    current = before
  }
}
