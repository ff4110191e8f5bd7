/** `oarlock grad`: append_backward as a command. */
import { appendBackward } from '../framework/autodiff/backward.ts'
import { counted } from '../framework/print_text.ts'
import { addOption, asNames, asPath, asText, type CommandDefinition, usage } from './command.ts'
import { refuseExisting } from './files.ts'
import { loadMain, programEntry } from './load_program.ts'
import { blockVariable, lossVariable, writeProgram } from './program_output.ts'

interface GradFlags {
  readonly loss?: string
  readonly output?: string
  readonly force?: boolean
  readonly paramList?: readonly string[]
  readonly noGrad?: readonly string[]
}

export const grad: CommandDefinition<GradFlags> = {
  usage: 'FILE --loss NAME -o OUT',
  examples: [
    ['oarlock grad net.json --loss mean_0.tmp_0 -o net.grad.json', 'gradients of all trainable parameters'],
    ['oarlock grad net.json --loss loss -o - | oarlock show - --role B', 'only look at what is appended'],
  ],
  exits: { 5: 'an operator on the way has no gradient here' },
  define(command) {
    command.argument('<FILE>')
    addOption(command, '--loss NAME', 'a variable of one element', asText)
    addOption(command, '-o, --output PATH', 'where to write; - is stdout', asPath)
    command.option('-f, --force', 'replace a file')
    addOption(command, '--param-list NAMES', 'only these parameters', asNames)
    addOption(command, '--no-grad NAMES', 'no gradient flows into these variables', asNames)
  },
  async run({ args, options }, { io, out }) {
    if (options.output === undefined) throw usage('-o OUT is missing', { hint: '-o - writes to stdout' })
    const loaded = await loadMain(io, args[0]!)
    const { program } = loaded
    const loss = lossVariable(program, options.loss)
    refuseExisting(io, options.output, options.force === true)
    const before = program.globalBlock().ops.length
    const pairs = appendBackward(loss, {
      ...(options.paramList === undefined
        ? {}
        : { parameterList: options.paramList.map((each) => blockVariable(program, each, '--param-list')) }),
      noGradSet: (options.noGrad ?? []).map((each) => blockVariable(program, each, '--no-grad')),
    })
    const appended = program.globalBlock().ops.length - before
    const gradients = pairs.map(({ param, grad: gradient }) => ({ parameter: param.name, gradient: gradient.name }))
    writeProgram(io, options.output, program, options.force === true)
    if (out.json && options.output !== '-') {
      out.document({
        ok: true,
        command: 'grad',
        program: programEntry(loaded),
        output: options.output,
        appended,
        gradients,
      })
    }
    out.done(
      `${counted(appended, 'op')} appended, gradients of ${counted(pairs.length, 'parameter')}: wrote ${options.output}`,
    )
    return 0
  },
}
