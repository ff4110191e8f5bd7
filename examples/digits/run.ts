/**
 * `npm run digits`: trains the digits program on the command line. Builds the command line first if it is missing or older than its source.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const commandLine = join('dist', 'cli', 'main.js')

const args = [
  'run examples/digits',
  '--data x=@examples/digits/train_x.npy --data y=@examples/digits/train_y.npy',
  '--test-data x=@examples/digits/test_x.npy --test-data y=@examples/digits/test_y.npy',
  '--batch 32 --epochs 20 --shuffle --seed 1 --fetch loss,accuracy',
]

function isBuilt(): boolean {
  const built = join(root, commandLine)
  if (!existsSync(built)) return false
  const { mtimeMs } = statSync(built)
  const source = join(root, 'src')
  return readdirSync(source, { recursive: true }).every(
    (path) => statSync(join(source, String(path))).mtimeMs <= mtimeMs,
  )
}

function node(...command: readonly string[]): void {
  const { status } = spawnSync(process.execPath, [...process.execArgv, ...command], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

if (!isBuilt()) {
  console.log('$ npm run build')
  node(join('tools', 'build.ts'))
}
console.log(`$ npx oarlock ${args.join(' \\\n    ')}\n`)
// What is on the command line comes last and wins: npm run digits -- --seed 7
node(commandLine, ...args.join(' ').split(' '), ...process.argv.slice(2))
