/**
 * Switches of the environment, for whoever works on oarlock or looks for a fault in a program. All of them are here; docs/passes.md lists them.
 * A page has no environment, and no switches.
 */

export interface Switches {
  /** 1: time of each run; 2: also plans and their memory; 3: also the program after each pass; 4: also every operator with its shapes. */
  readonly debug: 0 | 1 | 2 | 3 | 4
  /** True: the first operator that gives NaN or an infinity is an error. */
  readonly checkNanInf: boolean
}

/** Name, values and effect, as the documentation has them. */
export const SWITCHES: readonly (readonly [name: string, values: string, effect: string])[] = [
  ['DEBUG', '1', 'Tells the time of each run, its engine and back end, on standard error.'],
  ['DEBUG', '2', 'Also each plan that is made: how many operators were compiled, and its memory.'],
  ['DEBUG', '3', 'Also each pass, and the program after those that changed it.'],
  ['DEBUG', '4', 'Also every operator, or kernel of several, with the shapes it works on and its time.'],
  ['DUMP', 'a folder', '`oarlock opt` writes the program there as it was and after each pass that changed it.'],
  [
    'FLAGS_check_nan_inf',
    '1',
    'Programs are interpreted, and the first operator that gives NaN or an infinity is an error (E122), as in Paddle.',
  ],
  [
    'NODE_COMPILE_CACHE',
    'a folder',
    'Where the command line keeps what V8 compiled of it, for its next start. Otherwise that is `oarlock-compile-cache-` and the number of the user in the folder for temporary files; a folder that others may write to is not used.',
  ],
  ['NODE_DISABLE_COMPILE_CACHE', '1', 'The command line keeps nothing compiled, and uses nothing that is kept.'],
]

type Env = Readonly<Record<string, string | undefined>>

/** @param env default: that of the process, where there is one. */
export function readSwitches(env: Env = processEnv()): Switches {
  // Other programs have a DEBUG of their own, with names in it.
  const level = /^[1-4]$/.test(env['DEBUG'] ?? '') ? Number(env['DEBUG']) : 0
  return { debug: level as Switches['debug'], checkNanInf: env['FLAGS_check_nan_inf'] === '1' }
}

const processEnv = (): Env => (globalThis as { process?: { env?: Env } }).process?.env ?? {}
