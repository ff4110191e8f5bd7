/** `oarlock run`: startup once, then main for N steps, over fixed feeds, a list of feeds or a data set. */
import {
  addListOption,
  addOption,
  asBytes,
  asChoice,
  asCount,
  asDuration,
  asNamed,
  asNames,
  asPath,
  asWhole,
  type CommandDefinition,
  type Named,
  usage,
} from './command.ts'

/** Rows a step where --batch is not given. */
export const DEFAULT_BATCH = 32

export interface RunFlags {
  readonly startup?: string
  readonly feed?: readonly Named[]
  readonly feeds?: string
  readonly fetch?: readonly string[]
  readonly data?: readonly Named[]
  readonly batch?: number
  readonly epochs?: number
  readonly shuffle?: boolean
  readonly test?: string
  readonly testData?: readonly Named[]
  readonly steps?: number
  readonly seed?: number
  readonly lrStep?: 'step' | 'epoch'
  readonly load?: string
  readonly checkpoint?: string
  readonly checkpointEvery?: number
  readonly resume?: boolean
  readonly save?: string
  readonly force?: boolean
  readonly engine?: 'plan' | 'interpreter'
  readonly threads?: number
  readonly passes?: readonly string[]
  /** Bytes of all tensors together. */
  readonly maxMemory?: number
  /** Operators of one step. */
  readonly maxOps?: number
  /** Milliseconds. */
  readonly timeout?: number
  readonly progress: boolean
  readonly full?: boolean
}

export const run: CommandDefinition<RunFlags> = {
  usage: 'FILE [options]',
  examples: [
    ["oarlock run mlp.json --feed 'x=[[1,2,3,4]]' --fetch prob", 'one step with these numbers'],
    [
      'oarlock run trained/ --feed x=@x.npy --feed y=@y.npy --steps 100 --seed 1 --save out/',
      'train, keep the parameters',
    ],
    [
      'oarlock run trained/ --data x=@x.npy --data y=@y.npy --batch 64 --epochs 5 --shuffle --seed 1',
      'train over a data set',
    ],
  ],
  exits: {
    4: 'an operator failed, or a feed or fetch does not fit',
    5: 'an operator or option is not implemented',
    6: 'a limit was reached; after --timeout, --save has written what was reached',
    130: 'stopped by Ctrl-C: the step is finished and --save has written it',
    143: 'stopped by SIGTERM, likewise',
  },
  notes: `A folder brings startup.json and test.json along, mlp.json brings
mlp.startup.json. With --feeds the entries are used round and round.`,
  define(command) {
    command.argument('<FILE>')
    addOption(command, '--startup FILE', 'run this once before', asPath)
    addListOption(
      command,
      '--feed NAME=VALUE',
      'a number, nested lists, @x.json, @x.npy, zeros, random or random[2,3]',
      asNamed,
    )
    addOption(command, '--feeds FILE', 'a JSON list, one object of tensors a step', asPath)
    addOption(command, '--fetch NAMES', "variables to print: a,b or '*@GRAD'", asNames)
    addListOption(command, '--data NAME=@FILE', 'rows to train over', asNamed)
    addOption(command, '--batch N', `rows a step (${DEFAULT_BATCH})`, asCount(1))
    addOption(command, '--epochs N', 'times over the data (1)', asCount(1))
    command.option('--shuffle', 'a new order of rows each epoch')
    addOption(command, '--test FILE', 'test program, run after each epoch on --test-data or --data', asPath)
    addListOption(command, '--test-data NAME=@FILE', 'rows to test on', asNamed)
    addOption(command, '--steps N', 'steps to run (1, or all of the data)', asCount(1))
    addOption(command, '--seed N', 'seed of all random numbers', asWhole)
    addOption(
      command,
      '--lr-step EACH',
      'advance a learning-rate schedule each step (or epoch)',
      asChoice('step', 'epoch'),
    )
    addOption(command, '--checkpoint DIR', 'write checkpoints into this folder: in the end, and when stopped', asPath)
    addOption(command, '--checkpoint-every N', 'and every N steps', asCount(1))
    command.option('--resume', 'go on from the newest checkpoint, if there is one')
    addOption(command, '--load PATH', 'read saved values before the first step', asPath)
    addOption(command, '--save PATH', 'write all persistable values in the end', asPath)
    command.option('-f, --force', 'replace what --save would write')
    addOption(command, '--engine NAME', 'interpreter or plan', asChoice('interpreter', 'plan'))
    addOption(command, '--passes LIST', 'passes before the run: training, none or a,b', asNames)
    addOption(command, '--threads N', 'threads', asCount(1))
    addOption(command, '--max-memory SIZE', 'bytes of all tensors together (2GiB)', asBytes)
    addOption(command, '--max-ops N', 'operators of one step, those in loops each time (1e9)', asCount(1))
    addOption(command, '--timeout TIME', 'stop after the step that runs then: seconds, or 2m', asDuration)
    command.option('--no-progress', 'no progress line')
    command.option('--full', 'print tensors whole')
  },
  async run({ args, options }, context) {
    checkFlags(options)
    // Loaded only now: the flags are known to be right.
    const { Runner } = await import('./run_program.ts')
    return await new Runner(args[0]!, options, context).run()
  },
}

/** Flags that mean nothing without another one. */
function checkFlags(flags: RunFlags): void {
  const needs = (given: unknown, flag: string, other: string): void => {
    if (given !== undefined) throw usage(`${flag} needs ${other}`, { expected: other, got: flag })
  }
  if (flags.data === undefined) {
    needs(flags.batch !== undefined && !madeFeed(flags.feed) ? flags.batch : undefined, '--batch', '--data')
    needs(flags.epochs, '--epochs', '--data')
    needs(flags.shuffle, '--shuffle', '--data')
    needs(flags.testData, '--test-data', '--data')
    needs(flags.test, '--test', '--data')
    needs(flags.lrStep === 'epoch' ? flags.lrStep : undefined, '--lr-step epoch', '--data')
  } else if (flags.feeds !== undefined) {
    throw usage('--feeds and --data cannot both be given', { hint: 'feed what is the same in every step with --feed' })
  }
  if (flags.checkpoint === undefined) {
    needs(flags.checkpointEvery, '--checkpoint-every', '--checkpoint DIR')
    needs(flags.resume, '--resume', '--checkpoint DIR')
  }
  if (flags.resume === true && flags.load !== undefined) {
    throw usage('--resume and --load cannot both be given', { hint: 'a checkpoint holds all values' })
  }
  const once = (flag: string, named: readonly Named[]): void => {
    const seen = new Set<string>()
    for (const { name } of named) {
      if (seen.has(name)) throw usage(`"${name}" is fed twice`, { got: name, expected: `one ${flag} for each name` })
      seen.add(name)
    }
  }
  once('--feed', [...(flags.feed ?? []), ...(flags.data ?? [])])
  once('--test-data', flags.testData ?? [])
}

const madeFeed = (feeds: readonly Named[] | undefined): boolean =>
  feeds?.some(({ value }) => value === 'random' || value === 'zeros') === true
