/** Writes docs/passes.md: the passes and pipelines, and the switches of the environment, from their tables. */
import { PASSES, PIPELINES } from '../src/compiler/passes/pipelines.ts'
import { SWITCHES } from '../src/executor/switches.ts'

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The page, by path from the project's root. */
export function passesPage(): Record<string, string> {
  const bits = (share: false | number): string => (share === false ? 'no' : `by ${share} at most`)
  const lines = [
    '# Passes, profiles and switches',
    '',
    'Made from `src/compiler/passes` and `src/executor/switches.ts` by `npm run generate`; do not edit.',
    '',
    '## Passes',
    '',
    'A pass makes a program from a program and edits nothing that it is given. After each pass the program is verified, and it can be printed,',
    'compared, saved and run between any two. What is fetched and what is kept has the same bits as without passes, on each back end; a pass',
    'that changes bits says by how much of the largest magnitude in a tensor.',
    '',
    '| pass | | changes bits |',
    '|---|---|---|',
    ...PASSES.map(({ name, doc, changesBits }) =>
      `| `.concat('`', name, '` | ', cell(doc), ' | ', bits(changesBits), ' |'),
    ),
    '',
    '| pipeline | passes |',
    '|---|---|',
    ...Object.entries(PIPELINES).map(
      ([name, passes]) => `| \`${name}\` | ${passes.map((pass) => `\`${pass.name}\``).join(', ') || 'none at all'} |`,
    ),
    '',
    'On the command line, with a check that runs the program before and after on random feeds:',
    '',
    '```console',
    '$ oarlock opt inference.pdmodel -o small.pdmodel          # small.pdiparams is written with it',
    '$ oarlock opt mlp.json --passes dead_code,cancel_casts --fetch loss --print-changed',
    '```',
    '',
    'A pass that throws (E802), leaves an unsound program (E803) or changes results (E804) is a defect: `opt` writes the program that the pass was',
    'given, with values, and prints the command that shows the failure again. In the library:',
    '',
    '```ts',
    "import { Executor, loadInferenceModel, optimize } from 'oarlock'",
    '',
    'const executor = new Executor()',
    "const { program, fetchVars } = loadInferenceModel('inference', executor)",
    "const small = optimize(program, { passes: 'inference', fetch: fetchVars, values: executor.scope })",
    'for (const [name, value] of small.values) executor.scope.set(name, value)',
    'executor.run(small.program, { feed, fetch: fetchVars })',
    '',
    "const trainer = new Executor({ passes: 'training' }) // each program goes through the passes before it is planned",
    '```',
    '',
    'What is no pass: bias, activation and residual join the product or convolution before them, and results take over the memory of inputs',
    'that nobody reads any more, when a plan is made for the WebAssembly back end. Both change no bit and need no operators of their own.',
    '',
    '## Profiles',
    '',
    '`oarlock profile FILE` runs steps, on the feeds of `run` or on random ones, and lists the time of operator types and of the slowest operators,',
    'the bytes they touch, the speed of products and convolutions, and the memory of the plan: its arena, and what is alive where most is.',
    '`--trace FILE` writes Chrome trace events, `--json` everything. Each operator, or kernel of several, is timed on its own, which splits',
    'compiled code into one call for each; the same steps are timed as a whole beside that. `oarlock stats` tells the arena before anything runs.',
    'In the library `new Executor({ observer: new Profiler() })` collects the same.',
    '',
    '## Switches',
    '',
    '| variable | value | effect |',
    '|---|---|---|',
    ...SWITCHES.map(([name, value, effect]) => `| \`${name}\` | ${value} | ${cell(effect)} |`),
  ]
  return { 'docs/passes.md': `${lines.join('\n')}\n` }
}
