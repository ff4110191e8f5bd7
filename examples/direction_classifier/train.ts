/**
 * Trains the direction classifier on text lines.
 *
 *   npx tsx examples/direction_classifier/train.ts --finetune --epochs 1 --save mine/direction
 *   npx tsx examples/direction_classifier/classify.ts --model mine/direction line.png
 *
 * Ctrl-C ends the training after the step that is running, and saves what there is; a second one ends at once. With --checkpoint FOLDER the
 * same command with --resume goes on from there, with the numbers of a training that was never stopped.
 */
import { fileURLToPath } from 'node:url'
import { InvalidArgumentError as BadArgument, Command, CommanderError } from 'commander'
// Outside of this repository: from 'oarlock'.
import { EnforceError, Executor, Generator, optimizer, saveInferenceModel, type Tensor } from '../../src/index.ts'
import { shuffledRows } from '../digits/train.ts'
import { PUBLISHED_MODEL } from './classifier.ts'
import { buildInference, buildTraining, type DirectionPrograms, optimizerConfig } from './network.ts'
import { loadPretrained } from './pretrained.ts'
import { StatusLine } from './status_line.ts'
import { DATA, TextLines } from './text_lines.ts'
import { type CheckpointOptions, TrainingCheckpoints } from './training_checkpoints.ts'

const TEST_BATCH = 50

export interface TrainOptions {
  readonly epochs: number
  /** Lines of a step. The rest of an epoch that fills no batch is left out. */
  readonly batch: number
  /** Of the first step; it falls to 0 along a cosine until the last. */
  readonly learningRate: number
  /** Of the initial values and the order of lines. */
  readonly seed: number
  /** Prefix of an inference model to start from. Default: random weights. */
  readonly from?: string | undefined
  /** Ends after so many steps. */
  readonly steps?: number | undefined
  readonly data?: string | undefined
  readonly checkpoints?: CheckpointOptions | undefined
}

export type TrainEvent =
  | {
      readonly type: 'step'
      readonly step: number
      readonly steps: number
      readonly epoch: number
      readonly loss: number
    }
  /** Mean loss of the epoch's steps. `epoch` 0 is the state before training, without a loss. */
  | { readonly type: 'epoch'; readonly epoch: number; readonly loss?: number; readonly accuracy: number }

/**
 * Trains, one event at a time: stop taking them, and the training stops, with a checkpoint if it has any. The state is in the executor at
 * each event.
 * @throws EnforceError for data, a model or a checkpoint that cannot be read.
 */
export function* train(executor: Executor, options: TrainOptions): IterableIterator<TrainEvent> {
  const lines = new TextLines('train', options.data)
  const test = new TextLines('test', options.data)
  const perEpoch = Math.floor(lines.count / options.batch)
  const steps = perEpoch * options.epochs
  const length = { epochs: options.epochs, stepsPerEpoch: Math.max(1, perEpoch) }
  const { optimizer: by, learningRate } = optimizer.buildOptimizer(optimizerConfig(options.learningRate), length)
  const programs = buildTraining(by)
  const checkpoints =
    options.checkpoints && new TrainingCheckpoints(options.checkpoints, options, executor, programs.main)
  executor.run(programs.startup)
  const resumed = checkpoints?.load()
  if (resumed === undefined && options.from !== undefined) {
    loadPretrained(options.from, programs.test, executor)
    yield { type: 'epoch', epoch: 0, accuracy: accuracyOn(test, programs, executor) }
  }
  const last = Math.min(steps, options.steps ?? steps)
  const order = new Generator(options.seed)
  let step = resumed?.step ?? 0
  let losses = [...(resumed?.losses ?? [])]
  /** False while a step runs: a state between two steps is none to go on from. */
  let whole = true
  try {
    for (let epoch = 1; epoch <= options.epochs; epoch++) {
      const rows = shuffledRows(lines.count, order)
      // Of a training that goes on, the order of rows is made anew, and steps that were done are passed over.
      const end = epoch * perEpoch
      if (step > end || (step === end && losses.length === 0)) continue
      while (step < Math.min(last, end)) {
        const from = (step % perEpoch) * options.batch
        const feed = { ...lines.batch(rows.subarray(from, from + options.batch)) }
        whole = false
        const [loss] = executor.run(programs.main, { feed, fetch: [programs.loss] }) as [Tensor]
        if (typeof learningRate !== 'number') learningRate.step()
        whole = true
        losses.push(Number(loss.item()))
        step++
        checkpoints?.save({ step, losses }, false)
        yield { type: 'step', step, steps: last, epoch, loss: losses.at(-1)! }
      }
      if (losses.length === 0) return
      const mean = losses.reduce((sum, value) => sum + value, 0) / losses.length
      if (step === end) losses = []
      yield { type: 'epoch', epoch, loss: mean, accuracy: accuracyOn(test, programs, executor) }
      if (step >= last) return
    }
  } finally {
    if (whole && step > 0) checkpoints?.save({ step, losses }, true)
  }
}

/** The share of lines whose larger logit is that of their label. */
export function accuracyOn(lines: TextLines, { test, logits }: DirectionPrograms, executor: Executor): number {
  let right = 0
  for (let start = 0; start < lines.count; start += TEST_BATCH) {
    const rows = Array.from({ length: Math.min(TEST_BATCH, lines.count - start) }, (_, i) => start + i)
    const [scores] = executor.run(test, { feed: { ...lines.batch(rows) }, fetch: [logits] }) as [Tensor]
    rows.forEach((row, i) => {
      const turned = scores.data[2 * i + 1]! > scores.data[2 * i]!
      if (turned === (lines.labels[row] === 1)) right++
    })
  }
  return right / lines.count
}

/** Writes PREFIX.pdmodel and PREFIX.pdiparams, for `classify.ts --model`. */
export function saveClassifier(prefix: string, executor: Executor): void {
  const { program, image, probabilities } = buildInference()
  saveInferenceModel(prefix, image, probabilities, executor, { program })
}

interface CommandOptions {
  readonly finetune?: boolean
  readonly from?: string
  readonly epochs?: number
  readonly batch: number
  readonly lr?: number
  readonly seed: number
  readonly steps?: number
  readonly data: string
  readonly save?: string
  readonly checkpoint?: string
  readonly checkpointEvery?: number
  readonly resume?: boolean
}

function command(): Command {
  return new Command('train')
    .description('Trains the text direction classifier, from random weights or those of a model.')
    .option('--finetune', "start from the published model's weights")
    .option('--from <prefix>', 'start from the weights of this .pdmodel and .pdiparams')
    .option('--epochs <n>', 'times through the data (default: 7; 2 with --finetune or --from)', wholeNumber)
    .option('--batch <n>', 'lines of a step', wholeNumber, 32)
    .option('--lr <rate>', 'of the first step (default: 0.001; 0.0005 with --finetune or --from)', positive)
    .option('--seed <n>', 'of initial values and order', wholeNumber, 1)
    .option('--steps <n>', 'end after so many steps', wholeNumber)
    .option('--data <folder>', 'train and test lines', DATA)
    .option('--save <prefix>', 'write the trained model as PREFIX.pdmodel and PREFIX.pdiparams')
    .option('--checkpoint <folder>', 'write a checkpoint there where the training ends or is stopped')
    .option('--checkpoint-every <n>', 'and every so many steps', wholeNumber)
    .option('--resume', 'go on from the newest checkpoint, if there is one')
    .exitOverride()
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new BadArgument('It must be a whole number of 1 or more.')
  return Number(text)
}

function positive(text: string): number {
  if (!(Number(text) > 0 && Number(text) < Infinity)) throw new BadArgument('It must be a number above 0.')
  return Number(text)
}

const INTERRUPTED = 130

async function run(options: CommandOptions): Promise<number> {
  const from = options.from ?? (options.finetune === true ? PUBLISHED_MODEL : undefined)
  const { batch, seed, steps, data, save } = options
  const epochs = options.epochs ?? (from === undefined ? 7 : 2)
  const learningRate = options.lr ?? (from === undefined ? 0.001 : 0.0005)
  const { checkpoint: dir, checkpointEvery: every, resume } = options
  if (dir === undefined && (every !== undefined || resume === true)) {
    process.stderr.write('error: --checkpoint-every and --resume need --checkpoint\n')
    return 2
  }
  const checkpoints = dir === undefined ? undefined : { dir, every, resume }
  let stopped = false
  const stop = (): void => {
    if (stopped) process.exit(INTERRUPTED)
    stopped = true
  }
  process.on('SIGINT', stop)
  const executor = new Executor({ seed })
  const status = new StatusLine()
  const start = performance.now()
  let done = 0
  let taken = 0
  for (const event of train(executor, { epochs, batch, learningRate, seed, from, steps, data, checkpoints })) {
    if (event.type === 'step') {
      done = event.step
      const pace = (performance.now() - start) / 1000 / ++taken
      status.update(
        `step ${event.step}/${event.steps}  epoch ${event.epoch}/${epochs}  loss ${event.loss.toFixed(4)}  ${pace.toFixed(1)} s/step`,
      )
    } else {
      status.clear()
      const loss = event.loss === undefined ? 'before training' : `loss ${event.loss.toFixed(4)}`
      console.log(`epoch ${event.epoch}/${epochs}  ${loss}  test accuracy ${(event.accuracy * 100).toFixed(2)} %`)
    }
    // Signals are seen only between the turns of the event loop.
    await new Promise(setImmediate)
    if (stopped) break
  }
  status.clear()
  if (stopped) process.stderr.write(`stopped after step ${done}\n`)
  if (save !== undefined && done > 0) {
    saveClassifier(save, executor)
    console.log(`saved ${save}.pdmodel and ${save}.pdiparams`)
  }
  process.off('SIGINT', stop)
  executor.dispose()
  return stopped ? INTERRUPTED : 0
}

async function main(): Promise<number> {
  let code = 0
  try {
    const program = command()
    program.action(async (options: CommandOptions) => {
      code = await run(options)
    })
    await program.parseAsync()
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (!(error instanceof EnforceError)) throw error
    process.stderr.write(`${error.name}: ${error.message}\n`)
    return 3
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main()
