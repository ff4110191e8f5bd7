/**
 * Opens models that oarlock wrote (tools/paddle_files.ts DIR) with netron's reader and adds to OUT.json that it found each parameter with its
 * type, shape and bytes. Run in a folder that holds netron's source files (of its Python package) with a package.json of `"type": "module"`.
 *
 *     cd NETRON && node …/tools/check_with_netron.mjs DIR OUT.json VERSION
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'

const [folder, out, version] = process.argv.slice(2)
const here = (name) => import(resolve(name))
const { BinaryStream } = await here('base.js')
const { ModelFactoryService } = await here('view.js')
const stream = (path) => new BinaryStream(new Uint8Array(readFileSync(path)))

const host = {
  environment: () => null,
  require: (id) => here(`${id}.js`),
  event() {},
  exception(error) {
    throw error
  },
}

class Context {
  constructor(path) {
    this.folder = dirname(path)
    this.identifier = basename(path)
    this.stream = stream(path)
    this.entries = new Map()
  }
  environment = () => null
  require = (id) => host.require(id)
  exception = (error) => host.exception(error)
  asset = async (file) => readFileSync(file, 'utf8')
  fetch = async (file) => stream(join(this.folder, file))
  request = async (file, _encoding, base) => stream(join(base ?? '.', file))
}

const found = {}
for (const path of readdirSync(folder, { recursive: true }).map((name) => join(folder, name))) {
  const file = relative(folder, path)
  const isModel = /^(models|inference|converted)\/.*(\.pdmodel|__model__)$/.test(file)
  if (!statSync(path).isFile() || !(isModel || /\.(pdparams|npz)$/.test(file))) continue
  const model = await new ModelFactoryService(host).open(new Context(path))
  const nodes = model.modules.flatMap((graph) => graph.nodes)
  const parameters = nodes
    .flatMap((node) => node.inputs.flatMap(({ value }) => value))
    .filter((value) => value?.initializer)
  const bare = parameters.filter(({ initializer }) => !initializer.values).map(({ name }) => name)
  if (parameters.length === 0 || bare.length > 0) throw new Error(`${file}: no values of ${bare.join(', ')}`)
  found[file] = `${model.format}: ${nodes.length} operators, ${parameters.length} parameters with values`
}
const result = JSON.parse(readFileSync(out, 'utf8'))
result.readers = { ...result.readers, [`netron ${version}`]: found }
writeFileSync(out, `${JSON.stringify(result, null, 1)}\n`)
console.log(Object.keys(found).length, 'files opened')
