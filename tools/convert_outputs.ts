/** What `oarlock convert` makes of a model, for `check_with_paddle.py`: through every layout and kind of file. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { main } from '../src/cli/command_line.ts'
import { nodeIo } from '../src/cli/io.ts'

/** Commands in order; what lies in `converted` afterwards is checked. @param prob the variable to cut the trained program to. */
const commands = (prob: string): readonly (readonly string[])[] => [
  ['inference', '-o', 'json/', '--to', 'json'],
  ['json', '-o', 'converted/pdmodel/', '--to', 'pdmodel'],
  ['json', '-o', 'converted/legacy/', '--to', 'legacy'],
  ['inference/model.pdmodel', '-o', 'program.json'],
  ['program.json', '-o', 'converted/pieces/model.pdmodel'],
  ['inference/model.pdiparams', '-o', 'values.npz'],
  ['values.npz', '-o', 'values.safetensors'],
  ['values.safetensors', '-o', 'converted/pieces/model.pdiparams', '--program', 'inference/model.pdmodel', '-f'],
  ['values.safetensors', '-o', 'converted/values.pdparams'],
  ['train/main.pdmodel', '--params', 'separate', '-o', 'converted/cut/', '--feed', 'x', '--fetch', prob],
]

/** @param files the files of `paddleFiles`. @throws Error if a command fails. */
export async function convertedFiles(
  files: ReadonlyMap<string, Uint8Array>,
  prob: string,
): Promise<Map<string, Uint8Array>> {
  const folder = mkdtempSync(join(tmpdir(), 'oarlock-convert-'))
  try {
    for (const [path, bytes] of files) {
      mkdirSync(join(folder, dirname(path)), { recursive: true })
      writeFileSync(join(folder, path), bytes)
    }
    for (const inner of ['pdmodel', 'legacy', 'pieces', 'cut'])
      mkdirSync(join(folder, 'converted', inner), { recursive: true })
    mkdirSync(join(folder, 'json'))
    const said: string[] = []
    const sink = {
      write: (part: string | Uint8Array) => void said.push(String(part)),
      isTTY: false,
      columns: undefined,
    }
    const io = { ...nodeIo(), stdout: sink, stderr: sink, cwd: folder, env: {} }
    for (const argv of commands(prob)) {
      const code = await main(['convert', ...argv], io)
      if (code !== 0) throw new Error(`oarlock convert ${argv.join(' ')}: exit ${code}\n${said.join('')}`)
    }
    return filesIn(join(folder, 'converted'), 'converted')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function filesIn(folder: string, prefix: string): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    const name = `${prefix}/${entry.name}`
    if (entry.isDirectory()) for (const [inner, bytes] of filesIn(path, name)) found.set(inner, bytes)
    else found.set(name, new Uint8Array(readFileSync(path)))
  }
  return found
}
