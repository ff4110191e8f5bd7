/**
 * A classifier of handwritten digits, built as a program: 64 pixels, one hidden layer, ten classes, trained by Adam.
 *
 *   npx tsx examples/digits/build_program.ts            writes main.json, startup.json and test.json beside this file
 *   npx tsx examples/digits/build_program.ts --check    exit code 1 if the files differ from what this code builds
 *
 * Where the numbers of the three programs live: `startup` gives every parameter and every value that Adam keeps its start, `main` is one
 * training step, `test` is the forward half of it. All of them work on the same named variables of one scope.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
// Outside of this repository: from 'oarlock'.
import {
  build,
  callOp,
  input,
  nn,
  ops,
  optimizer,
  type Program,
  stringifyProgramJson,
  type Variable,
} from '../../src/index.ts'

export const PIXELS = 64
export const CLASSES = 10
export const HIDDEN = 256
export const LEARNING_RATE = 0.003

export interface DigitsPrograms {
  /** One training step: forward, backward, update. */
  readonly main: Program
  /** Initial values of parameters and optimizer. */
  readonly startup: Program
  /** Forward only. */
  readonly test: Program
}

/** Builds the three programs. They feed `x` and `y`, and both `main` and `test` compute `loss` and `accuracy`. */
export function buildDigits(): DigitsPrograms {
  // randomSeed stays 0: random operators then draw from the generator of the run, which --seed sets.
  const { main, startup, out } = build(() => {
    const x = input('x', [null, PIXELS])
    const y = input('y', [null, 1], 'int64')
    const hidden = nn.functional.fc(x, HIDDEN, { activation: 'relu' })
    const logits = nn.functional.fc(hidden, CLASSES)
    const cost = nn.functional.softmaxWithCrossEntropy(logits, y)
    const loss = callOp(ops.reduce_mean, { X: cost }, { reduce_all: true }, { outputs: { Out: named(x, 'loss') } }).Out
    const best = callOp(ops.top_k_v2, { X: logits }, { k: 1 })
    callOp(
      ops.accuracy,
      { Out: best.Out, Indices: best.Indices, Label: y },
      {},
      { outputs: { Accuracy: named(x, 'accuracy') } },
    )
    return { loss }
  })
  // The test program is copied before minimize, so that there is nothing in it but the forward operators.
  const test = main.clone({ forTest: true })
  // minimize appends backward and updates to main, and the start of Adam's moments to startup: it comes before startup is saved or run.
  new optimizer.Adam({ learningRate: LEARNING_RATE }).minimize(out.loss)
  return { main, startup, test }
}

/** A variable with a name of our choice; otherwise layers number theirs (`fc_0.tmp_0`). */
const named = (sibling: Variable, name: string): Variable => sibling.block.createVar({ name })

/** The three files, by path from the project's root. */
export function digitsPrograms(): Record<string, string> {
  const { main, startup, test } = buildDigits()
  return {
    'examples/digits/main.json': stringifyProgramJson(main.toJSON()),
    'examples/digits/startup.json': stringifyProgramJson(startup.toJSON()),
    'examples/digits/test.json': stringifyProgramJson(test.toJSON()),
  }
}

function run(check: boolean): void {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
  for (const [path, text] of Object.entries(digitsPrograms())) {
    const file = join(root, path)
    const same = existsSync(file) && readFileSync(file, 'utf8') === text
    console.log(`${same ? 'equal' : check ? 'differs' : 'written'}: ${path}`)
    if (same) continue
    if (check) process.exitCode = 1
    else writeFileSync(file, text)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) run(process.argv.includes('--check'))
