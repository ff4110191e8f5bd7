/**
 * Which files make up a model, for whatever a person names: a program file, Paddle's prefix without an ending, or a folder. Names only
 * say where to look; what a file is, its content decides. Works on any file system through `FileLookup`.
 */
import { NotFoundError } from '../errors.ts'

/** What finding files asks of a file system. Paths are those that the caller uses. */
export interface FileLookup {
  isFile(path: string): boolean
  isFolder(path: string): boolean
  /** Names in a folder, in any order. */
  list(folder: string): readonly string[]
}

export interface ModelFiles {
  /** The program. */
  readonly main: string
  /** The program that sets initial values, and the one that tests. */
  readonly startup?: string
  readonly test?: string
  /** Files with values: one that holds all, or .pdparams and .pdopt. Empty: there may be one file for each variable in `folder`. */
  readonly params: readonly string[]
  readonly folder: string
}

/** Programs of a folder, the first that is there. The last is that of fluid.io.save_inference_model. */
const FOLDER_PROGRAMS = ['main.json', 'main.pdmodel', 'inference.pdmodel', 'model.pdmodel', '__model__']

export const joinPath = (folder: string, name: string): string =>
  folder === '' ? name : /[/\\]$/.test(folder) ? `${folder}${name}` : `${folder}/${name}`

const split = (path: string): { folder: string; base: string } => {
  const cut = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1
  return { folder: path.slice(0, cut), base: path.slice(cut) }
}

/**
 * The files of the model that `path` names. A path that is not there is given back as `main`: reading it says so.
 * @throws NotFoundError E523 for a folder without a program, or with several.
 */
export function modelFiles(path: string, lookup: FileLookup): ModelFiles {
  if (lookup.isFolder(path)) return beside(joinPath(path, programOf(path, lookup)), lookup)
  if (!lookup.isFile(path) && lookup.isFile(`${path}.pdmodel`)) return beside(`${path}.pdmodel`, lookup)
  return beside(path, lookup)
}

function programOf(folder: string, lookup: FileLookup): string {
  const known = FOLDER_PROGRAMS.find((name) => lookup.isFile(joinPath(folder, name)))
  if (known !== undefined) return known
  const names = lookup.list(folder)
  const models = names.filter((name) => name.endsWith('.pdmodel')).sort()
  // NAME.startup.pdmodel belongs to NAME.pdmodel.
  const mains = models.filter((name) => !/\.(startup|test)\.pdmodel$/.test(name))
  if (mains.length === 1) return mains[0]!
  throw new NotFoundError(
    'E523',
    mains.length === 0
      ? `the folder "${folder}" has no main.json, .pdmodel or __model__`
      : `the folder "${folder}" has several models: ${mains.slice(0, 5).join(', ')}`,
    {
      where: { file: folder },
      expected: [...FOLDER_PROGRAMS, '*.pdmodel'],
      got: names.slice(0, 20),
      ...(mains.length === 0 ? {} : { hint: 'name the file itself' }),
    },
  )
}

/** What stands beside a program by the names that Paddle and oarlock give. */
function beside(main: string, lookup: FileLookup): ModelFiles {
  const { folder, base } = split(main)
  const find = (...names: string[]): string | undefined =>
    names.map((name) => `${folder}${name}`).find((file) => lookup.isFile(file))
  const stem = base.replace(/\.(json|pdmodel)$/, '')
  const prefix = stem === 'main' ? '' : `${stem}.`
  const programs = stem === base ? [] : ['json', 'pdmodel']
  const startup = find(...programs.map((ending) => `${prefix}startup.${ending}`))
  const test = find(...programs.map((ending) => `${prefix}test.${ending}`))
  const combined =
    find(`${stem}.pdiparams`, `${prefix}parameters.json`) ?? (stem === base ? find('__params__', 'params') : undefined)
  const state = find(`${stem}.pdparams`)
  const optimizer = state === undefined ? undefined : find(`${stem}.pdopt`)
  const params = combined !== undefined ? [combined] : [state, optimizer].filter((file) => file !== undefined)
  return {
    main,
    params,
    folder,
    ...(startup === undefined ? {} : { startup }),
    ...(test === undefined ? {} : { test }),
  }
}

/** Where the parameters of a program are looked for, in order, as a person would name them. */
export function paramsPlaces(main: string): string[] {
  const { folder, base } = split(main)
  const stem = base.replace(/\.(json|pdmodel)$/, '')
  const files = stem === base ? ['__params__', 'params'] : [`${stem}.pdiparams`, `${stem}.pdparams`]
  return [...files.map((name) => `${folder}${name}`), `one file a variable in ${folder === '' ? 'its folder' : folder}`]
}

/** Where saved values are: in these files, later ones over earlier ones, or in a folder with one file for each variable. */
export type ValueFiles =
  | { readonly files: readonly string[]; readonly folder?: undefined }
  | { readonly folder: string }

/**
 * The files that `path` means as saved values: one file of any kind, .pdparams with the .pdopt beside it, Paddle's prefix of the two, a
 * program with values beside it, or a folder: with parameters.json, with a model, or with one file for each variable.
 */
export function valueFiles(path: string, lookup: FileLookup): ValueFiles {
  if (lookup.isFolder(path)) {
    const saved = joinPath(path, 'parameters.json')
    if (lookup.isFile(saved)) return { files: [saved] }
    const program = FOLDER_PROGRAMS.some((name) => lookup.isFile(joinPath(path, name)))
    const { params } = program ? modelFiles(path, lookup) : { params: [] }
    return params.length > 0 ? { files: params } : { folder: path }
  }
  const prefix = path.replace(/\.(pdparams|pdopt|pdmodel)$/, '')
  const pair = [`${prefix}.pdparams`, `${prefix}.pdopt`].filter((file) => lookup.isFile(file))
  if (prefix === path ? !lookup.isFile(path) && pair.length > 0 : pair.length === 2) return { files: pair }
  const beside = path.endsWith('.pdmodel') ? modelFiles(path, lookup).params : []
  return { files: beside.length > 0 ? beside : [path] }
}
