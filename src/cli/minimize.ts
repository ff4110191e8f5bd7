/** `oarlock minimize`: Optimizer.minimize as a command: backward, update operators, and what they need in the startup program. */
import { counted } from '../framework/print_text.ts'
import { Program } from '../framework/program.ts'
import { Adadelta, Adagrad, Adamax, RMSProp } from '../optimizer/accumulating.ts'
import { Adam } from '../optimizer/adam.ts'
import { AdamW } from '../optimizer/adamw.ts'
import { Lamb } from '../optimizer/lamb.ts'
import { Momentum } from '../optimizer/momentum.ts'
import type { Optimizer, OptimizerOptions } from '../optimizer/optimizer.ts'
import { SGD } from '../optimizer/sgd.ts'
import { addOption, asChoice, asNames, asNumber, asPath, asText, type CommandDefinition, usage } from './command.ts'
import { refuseExisting } from './files.ts'
import { loadProgram, programEntry, programFiles } from './load_program.ts'
import { blockVariable, isFolderOutput, lossVariable, prepareFolder, writeProgram } from './program_output.ts'

type OptimizerName = 'adam' | 'adamw' | 'sgd' | 'momentum' | 'adagrad' | 'rmsprop' | 'adadelta' | 'adamax' | 'lamb'

interface MinimizeFlags {
  readonly loss?: string
  readonly optimizer?: OptimizerName
  readonly startup?: string
  readonly output?: string
  readonly startupOut?: string
  readonly force?: boolean
  readonly lr?: number
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
  readonly rho?: number
  readonly momentum?: number
  readonly nesterov?: boolean
  readonly centered?: boolean
  readonly multiPrecision?: boolean
  readonly weightDecay?: number
  readonly paramList?: readonly string[]
  readonly noGrad?: readonly string[]
}

/** Flags that only some optimizers have, with the option they set. */
const SETTINGS = {
  beta1: 'beta1',
  beta2: 'beta2',
  epsilon: 'epsilon',
  rho: 'rho',
  momentum: 'momentum',
  nesterov: 'useNesterov',
  centered: 'centered',
  multiPrecision: 'multiPrecision',
} as const
type Setting = keyof typeof SETTINGS

interface Choice {
  readonly make: (options: OptimizerOptions & { learningRate: number; weightDecay?: number }) => Optimizer
  readonly settings: readonly Setting[]
  /** The option that `--weight-decay` sets, where it is not the regularizer. */
  readonly weightDecay?: string
}

const ADAM: readonly Setting[] = ['beta1', 'beta2', 'epsilon', 'multiPrecision']

const OPTIMIZERS: Readonly<Record<OptimizerName, Choice>> = {
  adam: { make: (options) => new Adam(options), settings: ADAM },
  adamw: { make: (options) => new AdamW(options), settings: ADAM },
  sgd: { make: (options) => new SGD(options), settings: ['multiPrecision'] },
  momentum: { make: (options) => new Momentum(options), settings: ['momentum', 'nesterov', 'multiPrecision'] },
  adagrad: { make: (options) => new Adagrad(options), settings: ['epsilon'] },
  rmsprop: { make: (options) => new RMSProp(options), settings: ['rho', 'epsilon', 'momentum', 'centered'] },
  adadelta: { make: (options) => new Adadelta(options), settings: ['rho', 'epsilon'] },
  adamax: { make: (options) => new Adamax(options), settings: ['beta1', 'beta2', 'epsilon'] },
  lamb: { make: (options) => new Lamb(options), settings: ADAM, weightDecay: 'lambWeightDecay' },
}
/** Paddle's, where it has one. */
const DEFAULT_LEARNING_RATE = 0.001

const NAMES = Object.keys(OPTIMIZERS) as OptimizerName[]

export const minimize: CommandDefinition<MinimizeFlags> = {
  usage: 'FILE --loss NAME --optimizer NAME -o OUT [--startup-out OUT]',
  examples: [
    [
      'oarlock minimize net/ --loss loss --optimizer adam --lr 0.001 -o trained/',
      'writes trained/main.json and trained/startup.json',
    ],
    [
      'oarlock minimize net.json --startup init.json --loss loss --optimizer sgd --lr 0.1 -o main.json --startup-out startup.json',
      'the same with files',
    ],
  ],
  exits: { 5: 'an operator on the way has no gradient here' },
  define(command) {
    command.argument('<FILE>')
    addOption(command, '--loss NAME', 'a variable of one element', asText)
    addOption(command, '--optimizer NAME', NAMES.join(', '), asChoice(...NAMES))
    addOption(command, '--lr X', 'learning rate (0.001)', asNumber)
    addOption(command, '--beta1 X', 'adam, adamw, adamax, lamb: decay of the first moment (0.9)', asNumber)
    addOption(command, '--beta2 X', 'adam, adamw, adamax, lamb: decay of the second moment (0.999)', asNumber)
    addOption(command, '--rho X', 'rmsprop, adadelta: decay of the mean square (0.95)', asNumber)
    addOption(command, '--momentum X', 'momentum (0.9), rmsprop (0)', asNumber)
    addOption(command, '--epsilon X', 'all but sgd and momentum: added to the divisor', asNumber)
    command.option('--nesterov', 'momentum: the look-ahead form')
    command.option('--centered', 'rmsprop: divide by the variance')
    command.option('--multi-precision', 'float32 master weights for half parameters')
    addOption(command, '--weight-decay X', 'L2 added to the gradients; adamw, lamb: decoupled (0.01)', asNumber)
    addOption(command, '--param-list NAMES', 'only these parameters', asNames)
    addOption(command, '--no-grad NAMES', 'no gradient flows into these variables', asNames)
    addOption(command, '--startup FILE', 'the startup program to extend, if it is not beside FILE', asPath)
    addOption(command, '-o, --output PATH', 'main program, or a folder for both', asPath)
    addOption(command, '--startup-out PATH', 'startup program', asPath)
    command.option('-f, --force', 'replace files')
  },
  async run({ args, options }, { io, out }) {
    const { output, optimizer: name } = options
    if (output === undefined) throw usage('-o OUT is missing')
    if (name === undefined) throw usage(`--optimizer is missing: ${NAMES.join(', ')}`, { expected: NAMES })
    const intoFolder = options.startupOut === undefined && isFolderOutput(io, output)
    if (!intoFolder && options.startupOut === undefined) {
      throw usage('--startup-out OUT is missing', { hint: 'or give a folder: -o OUT/' })
    }
    const optimizer = makeOptimizer(name, options)
    const files = programFiles(io, args[0]!)
    const loaded = await loadProgram(io, files.main)
    const startupFile = options.startup ?? files.startup
    const main = loaded.program
    const startup = startupFile === undefined ? new Program(main.library) : (await loadProgram(io, startupFile)).program
    const force = options.force === true
    const folder = output.replace(/[/\\]+$/, '')
    const mainOut = intoFolder ? `${folder}/main.json` : output
    const startupOut = intoFolder ? `${folder}/startup.json` : options.startupOut!
    refuseExisting(io, mainOut, force)
    refuseExisting(io, startupOut, force)

    const loss = lossVariable(main, options.loss)
    main.startup = startup
    const before = { main: main.globalBlock().ops.length, startup: startup.globalBlock().ops.length }
    const { paramsGrads } = optimizer.minimize(loss, {
      startup,
      ...(options.paramList === undefined
        ? {}
        : { parameterList: options.paramList.map((each) => blockVariable(main, each, '--param-list')) }),
      noGradSet: (options.noGrad ?? []).map((each) => blockVariable(main, each, '--no-grad')),
    })
    if (intoFolder) prepareFolder(io, output)
    writeProgram(io, startupOut, startup, force)
    writeProgram(io, mainOut, main, force)
    const appended = {
      main: main.globalBlock().ops.length - before.main,
      startup: startup.globalBlock().ops.length - before.startup,
    }
    if (out.json && mainOut !== '-' && startupOut !== '-') {
      const parameters = paramsGrads.map(({ param, grad }) => ({ parameter: param.name, gradient: grad.name }))
      out.document({
        ok: true,
        command: 'minimize',
        program: programEntry(loaded),
        output: mainOut,
        startupOutput: startupOut,
        appended,
        parameters,
      })
    }
    out.done(
      `main +${counted(appended.main, 'op')}, startup +${counted(appended.startup, 'op')}, ${counted(paramsGrads.length, 'parameter')}`,
    )
    out.talk(`  wrote ${mainOut} and ${startupOut}`)
    if (startupFile === undefined)
      out.talk(
        '  no startup program was given: this one sets what the optimizer keeps, parameters must be loaded (run --load)',
      )
    return 0
  },
}

function makeOptimizer(name: OptimizerName, flags: MinimizeFlags): Optimizer {
  const { make, settings, weightDecay = 'weightDecay' } = OPTIMIZERS[name]
  const given = (Object.keys(SETTINGS) as Setting[]).filter((setting) => flags[setting] !== undefined)
  const flag = (setting: Setting): string => (setting === 'multiPrecision' ? '--multi-precision' : `--${setting}`)
  const foreign = given.find((setting) => !settings.includes(setting))
  if (foreign !== undefined) {
    throw usage(`${name} has no ${flag(foreign)}`, {
      got: flag(foreign),
      expected: ['--lr', '--weight-decay', ...settings.map(flag)],
    })
  }
  return make({
    learningRate: flags.lr ?? DEFAULT_LEARNING_RATE,
    ...Object.fromEntries(given.map((setting) => [SETTINGS[setting], flags[setting]])),
    ...(flags.weightDecay === undefined ? {} : { [weightDecay]: flags.weightDecay }),
  })
}
