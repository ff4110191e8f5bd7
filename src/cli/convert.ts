/** `oarlock convert`: programs, values and whole models from one kind of file to another. */
import { addOption, asChoice, asNames, asPath, type CommandDefinition, usage } from './command.ts'
import { TARGETS, type TargetName } from './convert_target.ts'

export interface ConvertFlags {
  readonly output?: string
  readonly to?: TargetName
  readonly program?: string
  readonly params?: string
  readonly only?: readonly string[]
  readonly feed?: readonly string[]
  readonly fetch?: readonly string[]
  readonly force?: boolean
}

export const convert: CommandDefinition<ConvertFlags> = {
  usage: 'FILE -o OUT [options]',
  examples: [
    ['oarlock convert inference.pdmodel -o model.json', 'a program, as JSON; and back with -o model.pdmodel'],
    ['oarlock convert inference.pdiparams -o weights.npz', 'parameters; the program beside them gives the names'],
    ['oarlock convert weights.npz -o inference.pdiparams --program inference.pdmodel', 'and back'],
    ['oarlock convert inference/ -o out/ --to legacy', 'a whole model, as __model__ and one file a variable'],
    ['oarlock convert trained/ -o infer.pdmodel --feed x --fetch prob', 'a trained program, cut to an inference model'],
  ],
  exits: { 5: 'the file holds something that is not implemented' },
  notes: `What FILE is, its content decides. What is written, the ending of OUT says, or
--to: programs as json, pdmodel or text (a listing, which is not read back);
values as json, pdiparams, pdparams, npz, safetensors, npy or separate (a folder
with one file a variable). OUT with the ending of values takes the parameters of
a model. A folder, or OUT a folder, means the whole model: json (main.json,
parameters.json), pdmodel, or legacy (__model__ and separate files).`,
  define(command) {
    command.argument('<FILE>')
    addOption(command, '-o, --output OUT', 'a file, a folder, or - (stdout)', asPath)
    addOption(command, '--to KIND', TARGETS.join(', '), asChoice<TargetName>(...TARGETS))
    addOption(command, '--program FILE', 'the program whose parameters FILE holds', asPath)
    addOption(command, '--params PATH', 'the values of the program FILE, where not beside it', asPath)
    addOption(command, '--only NAMES', "values to take: a,b or 'fc_*'", asNames)
    addOption(command, '--feed NAMES', 'inputs of the inference model to write', asNames)
    addOption(command, '--fetch NAMES', 'outputs of the inference model to write', asNames)
    command.option('-f, --force', 'replace files')
  },
  async run({ args, options }, context) {
    if (options.output === undefined) throw usage('-o OUT is missing', { hint: '-o - writes to stdout' })
    if ((options.feed === undefined) !== (options.fetch === undefined)) {
      throw usage('--feed and --fetch belong together', { hint: 'they name the inputs and outputs of the model' })
    }
    const { Converter } = await import('./convert_files.ts')
    return await new Converter(args[0]!, options.output, options, context).run()
  },
}
