/** All commands: name, group, one line about it, and how to load the rest, which happens only when it is used. */
import type { CommandDefinition } from './command.ts'

export interface CommandEntry {
  readonly name: string
  readonly group: 'run' | 'look' | 'change' | 'compare' | 'measure' | 'learn' | 'more'
  readonly summary: string
  readonly load: () => Promise<CommandDefinition>
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'run',
    group: 'run',
    summary: 'run a program: startup once, then main for one or many steps',
    load: async () => (await import('./run.ts')).run,
  },
  {
    name: 'show',
    group: 'look',
    summary: 'show a program, one operator, one block or its variables as text',
    load: async () => (await import('./show.ts')).show,
  },
  {
    name: 'check',
    group: 'look',
    summary: 'find what is wrong with a program',
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'stats',
    group: 'look',
    summary: 'count parameters, bytes, operators and the memory of a run',
    load: async () => (await import('./stats.ts')).stats,
  },
  {
    name: 'grad',
    group: 'change',
    summary: 'append the operators that compute gradients',
    load: async () => (await import('./grad.ts')).grad,
  },
  {
    name: 'minimize',
    group: 'change',
    summary: 'append gradients and an optimizer: make a program that trains',
    load: async () => (await import('./minimize.ts')).minimize,
  },
  {
    name: 'opt',
    group: 'change',
    summary: 'run passes over a program and check that its results stay',
    load: async () => (await import('./opt.ts')).opt,
  },
  {
    name: 'convert',
    group: 'change',
    summary: 'turn programs, values and models from one kind of file into another',
    load: async () => (await import('./convert.ts')).convert,
  },
  {
    name: 'fmt',
    group: 'change',
    summary: 'print a program in the canonical form',
    load: async () => (await import('./fmt.ts')).fmt,
  },
  {
    name: 'diff',
    group: 'compare',
    summary: 'compare two programs',
    load: async () => (await import('./diff.ts')).diff,
  },
  {
    name: 'profile',
    group: 'measure',
    summary: 'time and memory of a run, operator by operator',
    load: async () => (await import('./profile.ts')).profile,
  },
  {
    name: 'ops',
    group: 'learn',
    summary: 'look operators up: slots, attributes, element types, gradient',
    load: async () => (await import('./ops.ts')).ops,
  },
  {
    name: 'explain',
    group: 'learn',
    summary: 'explain an error code',
    load: async () => (await import('./explain.ts')).explain,
  },
  {
    name: 'completion',
    group: 'more',
    summary: 'print a script that completes commands in bash, zsh or fish',
    load: async () => (await import('./completion.ts')).completion,
  },
]

/** What main.ts answers itself. */
export const BUILT_IN = ['help', 'version']

/** Commands that are planned: asking for one is no mistake. */
export const PLANNED = [
  'step',
  'studio',
  'draw',
  'prune',
  'clone',
  'nan',
  'why',
  'bench',
  'lesson',
  'examples',
  'schema',
  'init',
  'config',
]

export const findCommand = (name: string): CommandEntry | undefined => COMMANDS.find((entry) => entry.name === name)
