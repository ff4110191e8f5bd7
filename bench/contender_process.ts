/** The orchestrator's end of a contender: its process, and one question at a time. The protocol is in contenders/protocol.ts. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Phases } from './contenders/protocol.ts'
import type { ContenderSpec } from './works.ts'

/** A process that has not answered by then is given up. */
const PATIENCE_MS = 400_000

export class ContenderProcess {
  readonly #child: ChildProcess
  readonly #lines: Interface
  #waiting: ((line: string | undefined) => void) | undefined

  /** @param python the interpreter of contenders that are written in Python. */
  constructor({ file, args = [], env = {} }: ContenderSpec, python: string | undefined) {
    const path = fileURLToPath(new URL(file, import.meta.url))
    const root = fileURLToPath(new URL('..', import.meta.url))
    const command = file.endsWith('.py')
      ? [python!, path, root, ...args]
      : [process.execPath, '--import', 'tsx', path, ...args]
    this.#child = spawn(command[0]!, command.slice(1), {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', process.env.DEBUG === '1' ? 'inherit' : 'ignore'],
    })
    this.#lines = createInterface({ input: this.#child.stdout! })
    this.#lines.on('line', (line) => {
      if (line.startsWith('@')) this.#waiting?.(line.slice(1))
    })
    this.#child.on('error', () => this.#waiting?.(undefined))
    this.#child.on('close', () => this.#waiting?.(undefined))
    this.#child.stdin!.on('error', () => this.#waiting?.(undefined))
  }

  about(): Promise<{ about: string }> {
    return this.#ask({ about: true })
  }

  prepare(work: string): Promise<{ ready: true; check?: number } | { cannot: string }> {
    return this.#ask({ prepare: work })
  }

  /** Milliseconds a call, by phase, of a burst of about `ms`. */
  async run(work: string, ms: number): Promise<Phases> {
    return (await this.#ask<{ times: Phases }>({ run: work, ms })).times
  }

  drop(work: string): Promise<unknown> {
    return this.#ask({ drop: work })
  }

  end(): void {
    this.#lines.close()
    this.#child.kill()
  }

  /** @throws Error if the process ended, or is silent for too long. */
  #ask<T>(question: object): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#waiting?.(undefined), PATIENCE_MS)
      this.#waiting = (line) => {
        clearTimeout(timer)
        this.#waiting = undefined
        if (line === undefined) reject(new Error('the process ended or does not answer; DEBUG=1 shows what it says'))
        else resolve(JSON.parse(line) as T)
      }
      if (this.#child.exitCode !== null) this.#waiting(undefined)
      else this.#child.stdin!.write(`${JSON.stringify(question)}\n`)
    })
  }
}
