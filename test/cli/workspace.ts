/** A folder of its own and the command line inside it: what it printed and its exit code. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { main } from '../../src/cli/command_line.ts'
import type { Io, StopSignal } from '../../src/cli/io.ts'
import { type Program, stringifyProgramJson } from '../../src/index.ts'

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunSettings {
  readonly env?: Record<string, string>
  readonly stdin?: string | Uint8Array
  readonly tty?: boolean
  readonly columns?: number
  /** Sent together soon after something listens. */
  readonly signals?: readonly StopSignal[]
  readonly cwd?: string
}

class Exit extends Error {
  readonly code: number
  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

export class Workspace {
  /** Codes that the process would have ended with at once. */
  readonly exits: number[] = []
  readonly folder = mkdtempSync(join(tmpdir(), 'oarlock-cli-'))

  constructor() {
    afterAll(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  write(name: string, content: string | Uint8Array | object): string {
    const file = this.path(name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(
      file,
      typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content),
    )
    return name
  }

  writeProgram(name: string, program: Program): string {
    return this.write(name, stringifyProgramJson(program.toJSON()))
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8')
  }

  json<T = Record<string, unknown>>(name: string): T {
    return JSON.parse(this.read(name)) as T
  }

  has(name: string): boolean {
    return existsSync(this.path(name))
  }

  /** Names in a folder, sorted. */
  list(name = '.'): string[] {
    return readdirSync(this.path(name)).sort()
  }

  async run(argv: readonly string[], settings: RunSettings = {}): Promise<Result> {
    const text = { stdout: '', stderr: '' }
    const sink = (name: keyof typeof text): Io['stdout'] => ({
      write: (part) => {
        text[name] += typeof part === 'string' ? part : Buffer.from(part).toString('latin1')
      },
      isTTY: settings.tty === true,
      columns: settings.columns,
    })
    const io: Io = {
      stdout: sink('stdout'),
      stderr: sink('stderr'),
      readStdin: async () => {
        if (settings.stdin === undefined) throw new TypeError('nothing was to be read from stdin')
        return typeof settings.stdin === 'string' ? new TextEncoder().encode(settings.stdin) : settings.stdin
      },
      env: settings.env ?? {},
      cwd: settings.cwd ?? this.folder,
      onSignal: (handler) => {
        setImmediate(() => {
          try {
            for (const signal of settings.signals ?? []) handler(signal)
          } catch (error) {
            if (!(error instanceof Exit)) throw error
            this.exits.push(error.code)
          }
        })
        return () => undefined
      },
      exit: (code) => {
        throw new Exit(code)
      },
    }
    return { code: await main(argv, io), ...text }
  }

  /** The document that --json prints; the exit code is checked. */
  async document<T = Record<string, unknown>>(
    argv: readonly string[],
    code = 0,
    settings: RunSettings = {},
  ): Promise<T> {
    const result = await this.run([...argv, '--json'], settings)
    if (result.code !== code) throw new Error(`exit code ${result.code}: ${result.stdout}${result.stderr}`)
    return JSON.parse(result.stdout) as T
  }
}

/** What a failing command prints with --json. */
export interface FailedDocument {
  readonly ok: false
  readonly error: {
    readonly category: string
    readonly code: string
    readonly message: string
    readonly where: Record<string, unknown> | null
    readonly expected: unknown
    readonly got: unknown
    readonly hint: string | null
  }
}

type JsonOp = Record<string, unknown>

/** y = relu(x) over x [-1, 3], by hand. */
export function reluProgram(change: { ops?: JsonOp[]; vars?: object[] } = {}): object {
  return {
    format: 'oarlock-program',
    format_version: 1,
    blocks: [
      {
        idx: 0,
        parent_idx: -1,
        vars: change.vars ?? [
          { name: 'x', shape: [-1, 3], need_check_feed: true },
          { name: 'y', shape: [-1, 3] },
        ],
        ops: change.ops ?? [{ type: 'relu', inputs: { X: ['x'] }, outputs: { Out: ['y'] } }],
      },
    ],
  }
}
