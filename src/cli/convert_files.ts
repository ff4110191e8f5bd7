/** The work of `convert`: reads what FILE is, makes all files to be written, and only then writes them. */
import { AlreadyExistsError, InvalidArgumentError, NotFoundError } from '../errors.ts'
import { Scope } from '../executor/scope.ts'
import { fileKind } from '../framework/file_kind.ts'
import { counted } from '../framework/print_text.ts'
import { formatProgram } from '../framework/printer.ts'
import type { Program } from '../framework/program.ts'
import { listed } from '../io/bytes.ts'
import { staysInside } from '../io/file_name.ts'
import { inferenceColumns, inferenceModelFiles } from '../io/inference_model.ts'
import type { ModelFiles } from '../io/model_files.ts'
import { writeNamedValues } from '../io/named_values.ts'
import { persistableVariables, writeCombinedParams } from '../io/params.ts'
import { type ModelValues, readModelValues, readSavedValues } from '../io/read_model.ts'
import { tensorFileText } from '../io/tensor_file.ts'
import { writeSelectedRowsStream, writeTensorStream } from '../io/tensor_stream.ts'
import { trainingStateFiles } from '../io/training_state.ts'
import { SelectedRows, Tensor, type Value } from '../tensor/tensor.ts'
import type { Context } from './command.ts'
import type { ConvertFlags } from './convert.ts'
import { type ProgramFormat, type Target, targetOf } from './convert_target.ts'
import { globPattern } from './fetches.ts'
import { isFolder, listFolder, makeFolder, pathOf, refuseExisting, writeOutput } from './files.ts'
import { type LoadedProgram, loadProgram, lookupOf, programEntry, programFiles } from './load_program.ts'
import { isValues, type LoadedValues, loadAny } from './load_values.ts'
import { isFolderOutput, programText } from './program_output.ts'
import { readValueBytes } from './run_values.ts'

type Pieces = Iterable<string | Uint8Array>

/** Files that a folder is taken for a model by. */
const PROGRAM_FILE = /(?:^|[/\\])(?:main\.json|__model__|[^/\\]*\.pdmodel)$/

export class Converter {
  readonly #path: string
  readonly #output: string
  readonly #flags: ConvertFlags
  readonly #context: Context
  readonly #files = new Map<string, Pieces>()

  constructor(path: string, output: string, flags: ConvertFlags, context: Context) {
    this.#path = path
    this.#output = output
    this.#flags = flags
    this.#context = context
  }

  async run(): Promise<number> {
    const { io, out } = this.#context
    const { program: programPath, feed, to = feed === undefined ? undefined : 'pdmodel' } = this.#flags
    const loaded = await loadAny(io, this.#path, programPath)
    const whole = this.#path !== '-' && isFolder(pathOf(io, this.#path))
    const folder = isFolderOutput(io, this.#output)
    const source = isValues(loaded)
      ? { kind: 'values' as const, whole: false, format: loaded.found.format }
      : { kind: 'program' as const, whole, format: fileKind(loaded.bytes) === 'json' ? 'json' : 'pdmodel' }
    const target = targetOf(this.#output, to, source, folder)
    if (isValues(loaded)) this.#convertValues(loaded, target)
    else await this.#convertProgram(loaded, target)
    this.#write(folder)
    if (out.json && this.#output !== '-') {
      out.document({ ok: true, command: 'convert', source: programEntry(loaded), outputs: [...this.#files.keys()] })
    }
    return 0
  }

  /** Everything is made before the first file is written, and refused before anything is. */
  #write(folder: boolean): void {
    const { io, out } = this.#context
    const force = this.#flags.force === true
    for (const file of this.#files.keys()) refuseExisting(io, file, force)
    if (folder && !force) this.#refuseSecondModel()
    const made = [...this.#files].map(([file, pieces]) => [file, [...pieces]] as const)
    if (folder) makeFolder(io, this.#output)
    for (const [file, pieces] of made) {
      const cut = file.lastIndexOf('/')
      // A variable may be called block/w.
      if (folder && cut > 0) makeFolder(io, file.slice(0, cut))
      writeOutput(io, file, pieces, force)
    }
    const names = [...this.#files.keys()]
    if (this.#output !== '-')
      out.done(`wrote ${names.length > 4 ? `${counted(names.length, 'file')} into ${this.#output}` : names.join(', ')}`)
  }

  /** A folder of two models would leave it to chance which of them is run. */
  #refuseSecondModel(): void {
    const written = [...this.#files.keys()].filter((file) => PROGRAM_FILE.test(file))
    const place = pathOf(this.#context.io, this.#output)
    if (written.length === 0 || !isFolder(place)) return
    const there = listFolder(place).filter((name) => PROGRAM_FILE.test(name))
    if (there.length === 0) return
    throw new AlreadyExistsError('E706', `"${this.#output}" holds a model already: ${listed(there)}`, {
      where: { file: this.#output },
      hint: 'name another folder, or add -f to have both in it',
    })
  }

  #inFolder(name: string): string {
    return `${this.#output.replace(/[/\\]+$/, '')}/${name}`
  }

  #convertValues({ found, owner, file }: LoadedValues, target: Target): void {
    const values = this.#chosen(found.values)
    if (target.kind === 'separate') {
      this.#separate(values, '')
      return
    }
    if (target.kind !== 'values') throw new InvalidArgumentError('E529', `"${file}" holds values, not a program`)
    if (target.format === 'pdiparams' && owner !== undefined) this.#needProgramsValues(owner, values)
    const options = {
      program: target.format === 'pdiparams' ? owner : undefined,
      state: this.#flags.only === undefined ? found.state : undefined,
    }
    this.#leftOut(found, target)
    this.#files.set(this.#output, writeNamedValues(target.format, values, options))
  }

  /** What a state file has beside arrays has no place elsewhere. */
  #leftOut({ state }: LoadedValues['found'], target: Target): void {
    if (state === undefined || (target.kind === 'values' && target.format === 'pdparams')) return
    const names = [...(state.others?.keys() ?? [])].map(String).filter((name) => name !== 'master_weights')
    if (names.length > 0) this.#context.out.warn(`left out, because only a state file can hold it: ${names.join(', ')}`)
  }

  /** @throws InvalidArgumentError E533 listing what a .pdiparams file would hold too much. */
  #needProgramsValues(program: Program, values: ReadonlyMap<string, Value>): void {
    const wanted = new Set(persistableVariables(program).map(({ name }) => name))
    const unknown = [...values.keys()].filter((name) => !wanted.has(name))
    if (unknown.length === 0) return
    throw new InvalidArgumentError(
      'E533',
      `${counted(unknown.length, 'value')} of the file are no parameters of the program: ${unknown.slice(0, 5).join(', ')}`,
      {
        expected: [...wanted],
        got: [...values.keys()],
      },
    )
  }

  /** The values that --only names. @throws NotFoundError E705 for a name or glob that nothing fits. */
  #chosen(values: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
    const { only } = this.#flags
    if (only === undefined) return values
    const patterns = only.map((text) => ({ text, fits: globPattern(text) }))
    for (const { text, fits } of patterns) {
      if ([...values.keys()].some((name) => fits.test(name))) continue
      throw new NotFoundError('E705', `--only: there is no value "${text}"`, {
        got: text,
        expected: [...values.keys()],
      })
    }
    return new Map([...values].filter(([name]) => patterns.some(({ fits }) => fits.test(name))))
  }

  /** One file a variable. @throws InvalidArgumentError E541 for a name that leads out of the folder. */
  #separate(values: ReadonlyMap<string, Value>, reserved: string): void {
    for (const [name, value] of values) {
      if (!staysInside(name) || name === reserved) {
        throw new InvalidArgumentError('E541', `no file can be named after the variable ${JSON.stringify(name)}`, {
          where: { variable: name },
          got: name,
        })
      }
      if (value instanceof Tensor) this.#files.set(this.#inFolder(name), [writeTensorStream(value).finish()])
      else if (value instanceof SelectedRows)
        this.#files.set(this.#inFolder(name), [writeSelectedRowsStream(value).finish()])
      else throw new InvalidArgumentError('E540', `"${name}" is a tensor array, which no file of a variable holds`)
    }
  }

  async #convertProgram(loaded: LoadedProgram, target: Target): Promise<void> {
    const { io } = this.#context
    const files = programFiles(io, this.#path)
    const { program } = loaded
    if (this.#flags.feed !== undefined) {
      this.#inference(program, files, target)
      return
    }
    if (target.kind === 'program') {
      this.#files.set(this.#output, this.#programPieces(program, loaded.file, target.format))
      return
    }
    const values = this.#modelValues(program, files)
    if (target.kind === 'model') {
      await this.#model(loaded, files, values, target.format)
      return
    }
    if (values === undefined) throw this.#noValues(files)
    const chosen = this.#chosen(values.values)
    if (target.kind === 'separate') this.#separate(chosen, '')
    else {
      const options = { program: this.#flags.only === undefined ? program : undefined }
      this.#files.set(this.#output, writeNamedValues(target.format, chosen, options))
    }
  }

  #programPieces(program: Program, file: string, format: ProgramFormat): Pieces {
    if (format === 'pdmodel') return [program.toProto()]
    return [format === 'json' ? programText(program) : `${formatProgram(program, { file })}\n`]
  }

  #modelValues(program: Program, files: ModelFiles): ModelValues | undefined {
    const { io } = this.#context
    const { params } = this.#flags
    const read = (file: string): Uint8Array => readValueBytes(io, file)
    return params === undefined
      ? readModelValues(program, files, lookupOf(io), read)
      : readSavedValues(program, params, lookupOf(io), read)
  }

  #noValues(files: ModelFiles): NotFoundError {
    return new NotFoundError('E533', `there are no parameters beside "${files.main}"`, {
      where: { file: files.main },
      expected: 'a .pdiparams, .pdparams or parameters.json, or one file for each variable',
    })
  }

  /** The programs of a model under new names, and its values if it has any. */
  async #model(
    loaded: LoadedProgram,
    files: ModelFiles,
    values: ModelValues | undefined,
    format: 'json' | 'pdmodel' | 'legacy',
  ): Promise<void> {
    const { io } = this.#context
    const { program } = loaded
    if (values !== undefined && values.missing.length > 0 && format !== 'json') {
      throw new NotFoundError(
        'E533',
        `${counted(values.missing.length, 'persistable variable')} have no value: ${values.missing.slice(0, 5).join(', ')}`,
        {
          expected: persistableVariables(program).map(({ name }) => name),
          got: [...values.values.keys()],
        },
      )
    }
    if (format === 'legacy') {
      if (values !== undefined) this.#separate(values.values, '__model__')
      this.#files.set(this.#inFolder('__model__'), [program.toProto()])
      return
    }
    const others = [
      ['startup', files.startup],
      ['test', files.test],
    ] as const
    // Into one file: OUT is the main program, the others stand beside it.
    const isFile = !isFolderOutput(io, this.#output)
    const inference = inferenceColumns(program).fetchNames.length > 0
    const main = isFile
      ? this.#output
      : this.#inFolder(format === 'pdmodel' && inference ? 'inference.pdmodel' : `main.${format}`)
    const prefix = main.replace(/\.(json|pdmodel)$/, '')
    this.#files.set(main, this.#programPieces(program, loaded.file, format))
    for (const [name, file] of others) {
      if (file === undefined) continue
      const other = await loadProgram(io, file)
      const place = /(^|[/\\])main$/.test(prefix) ? prefix.replace(/main$/, name) : `${prefix}.${name}`
      this.#files.set(`${place}.${format}`, this.#programPieces(other.program, other.file, format))
    }
    if (values === undefined) return
    if (format === 'json') {
      const place = /(^|[/\\])main$/.test(prefix) ? prefix.replace(/main$/, 'parameters') : `${prefix}.parameters`
      this.#files.set(`${place}.json`, tensorFileText(values.values))
    } else if (inference) {
      this.#files.set(`${prefix}.pdiparams`, [writeCombinedParams(program, (name) => values.values.get(name))])
    } else {
      const { params, optimizer } = trainingStateFiles(program, (name) => values.values.get(name))
      this.#files.set(`${prefix}.pdparams`, [params]).set(`${prefix}.pdopt`, [optimizer])
    }
  }

  /** An inference model from a program and its values. */
  #inference(program: Program, files: ModelFiles, target: Target): void {
    if ((target.kind !== 'program' && target.kind !== 'model') || target.format !== 'pdmodel') {
      throw new InvalidArgumentError(
        'E703',
        '--feed and --fetch write an inference model: OUT must end with .pdmodel',
        {
          got: this.#output,
        },
      )
    }
    const folder = isFolderOutput(this.#context.io, this.#output)
    const scope = new Scope()
    for (const [name, value] of this.#modelValues(program, files)?.values ?? []) scope.set(name, value)
    const { model, params } = inferenceModelFiles(this.#flags.feed!, this.#flags.fetch!, scope, { program })
    const place = folder ? this.#inFolder('inference.pdmodel') : this.#output
    this.#files.set(place, [model])
    if (params !== undefined) this.#files.set(place.replace(/\.pdmodel$/, '.pdiparams'), [params])
  }
}
