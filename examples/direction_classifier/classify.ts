/**
 * Says which way up text lines are.
 *
 *   npx tsx examples/direction_classifier/classify.ts examples/direction_classifier/images
 *   npx tsx examples/direction_classifier/classify.ts line.png photo.jpg --json
 *
 * Exit code 0; 3 if a file could not be read (the others are classified all the same); 2 for wrong arguments.
 */
import { access, mkdir, writeFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { InvalidArgumentError as BadArgument, Command, CommanderError } from 'commander'
import { PNG } from 'pngjs'
import { EnforceError } from '../../src/index.ts'
import { BATCH, DirectionClassifier, THRESHOLD } from './classifier.ts'
import { classifyFiles, type FileDirection, imageFiles } from './classify_files.ts'
import { imageError } from './errors.ts'
import { type Image, rotate180 } from './image.ts'
import { StatusLine } from './status_line.ts'

interface Options {
  readonly batch: number
  readonly threshold: number
  readonly model?: string
  readonly save?: string
  readonly json?: boolean
}

const EXIT_FILE = 3
const EXIT_USAGE = 2

function command(): Command {
  return new Command('classify')
    .description('Says which way up text lines are: label 0 (upright) or 180 (turned), and its probability.')
    .argument('<path...>', 'PNG and JPEG files, or folders of them')
    .option('--batch <n>', 'images that go through the network at once', wholeNumber, BATCH)
    .option('--threshold <p>', 'a line with label 180 is turned if its score is above it', probability, THRESHOLD)
    .option('--model <prefix>', 'a .pdmodel and a .pdiparams file (default: the published model)')
    .option('--save <folder>', 'write every image, turned upright, as PNG into this folder')
    .option('--json', 'one JSON document on stdout')
    .exitOverride()
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new BadArgument('It must be a whole number from 1 to 9999.')
  return Number(text)
}

function probability(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new BadArgument('It must be a number from 0 to 1.')
  return value
}

/** What `--json` says of one file. */
function entryOf(result: FileDirection): object {
  if ('error' in result) return { file: result.file, error: result.error.toJSON() }
  const { file, image, label, score, rotate } = result
  return { file, width: image.width, height: image.height, label, score, rotate }
}

async function run(paths: readonly string[], options: Options): Promise<number> {
  const files = await imageFiles(paths)
  const targets = options.save === undefined ? undefined : await savePaths(files, options.save)
  const classifier = new DirectionClassifier({
    threshold: options.threshold,
    ...(options.model === undefined ? {} : { model: options.model }),
  })
  const status = new StatusLine()
  const entries: object[] = []
  const count = { done: 0, turned: 0, failed: 0 }
  const nameWidth = Math.max(...files.map((file) => file.length))
  for await (const result of classifyFiles(classifier, files, options.batch)) {
    count.done++
    if ('error' in result) count.failed++
    else if (result.rotate) count.turned++
    if (targets !== undefined && !('error' in result)) {
      await writePng(targets.get(result.file)!, result.rotate ? rotate180(result.image) : result.image)
    }
    status.clear()
    if (options.json === true) entries.push(entryOf(result))
    else if ('error' in result) process.stderr.write(`${result.error.name}: ${result.error.message}\n`)
    else {
      const { file, label, score, rotate } = result
      console.log(`${file.padEnd(nameWidth)}  ${label.padStart(3)}  ${score.toFixed(4)}${rotate ? '  turn' : ''}`)
    }
    status.update(`${count.done} of ${files.length}`)
  }
  status.clear()
  classifier.dispose()
  if (options.json === true) console.log(JSON.stringify({ ok: count.failed === 0, images: entries }, null, 2))
  else if (files.length > 1)
    process.stderr.write(`${files.length} images, ${count.turned} to turn, ${count.failed} not read\n`)
  return count.failed > 0 ? EXIT_FILE : 0
}

/** Where each file goes. Nothing is written over another. */
async function savePaths(files: readonly string[], folder: string): Promise<Map<string, string>> {
  const targets = new Map<string, string>()
  const taken = new Map<string, string>()
  for (const file of files) {
    const target = join(folder, `${basename(file, extname(file))}.png`)
    const other = taken.get(target)
    const there =
      other === undefined &&
      (await access(target).then(
        () => true,
        () => false,
      ))
    if (there || (other !== undefined && other !== file)) {
      throw imageError(
        'IMAGE_FILE',
        there ? 'this file exists already' : `"${other}" and "${file}" would both become this file`,
        {
          where: { file: target },
          hint: 'give --save an empty folder, or save in two runs',
        },
      )
    }
    targets.set(file, target)
    taken.set(target, file)
  }
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    throw imageError('IMAGE_FILE', `the folder cannot be made: ${(error as { code?: string }).code}`, {
      where: { file: folder },
      cause: error,
    })
  }
  return targets
}

async function writePng(path: string, { width, height, data }: Image): Promise<void> {
  const png = new PNG({ width, height })
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    png.data[to] = data[from + 2]!
    png.data[to + 1] = data[from + 1]!
    png.data[to + 2] = data[from]!
    png.data[to + 3] = 255
  }
  await writeFile(path, PNG.sync.write(png, { colorType: 2 }))
}

async function main(): Promise<number> {
  const program = command()
  try {
    let code = 0
    program.action(async (paths: string[], options: Options) => {
      code = await run(paths, options)
    })
    await program.parseAsync()
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    if (!(error instanceof EnforceError)) throw error
    if (process.argv.includes('--json')) console.log(JSON.stringify({ ok: false, error: error.toJSON() }, null, 2))
    else process.stderr.write(`${error.name}: ${error.message}\n`)
    return EXIT_FILE
  }
}

process.exitCode = await main()
