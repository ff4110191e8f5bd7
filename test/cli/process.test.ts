/** What only a process of its own can show: pipes that close, signals, exit codes, the executable. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { regression } from './programs.ts'
import { reluProgram, Workspace } from './workspace.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const oarlock = ['--import', 'tsx', `${root}src/cli/main.ts`]

const work = new Workspace()
work.write('relu.json', reluProgram())
const many = Array.from({ length: 20_000 }, () => ({ type: 'relu', inputs: { X: ['x'] }, outputs: { Out: ['y'] } }))
work.write('many.json', reluProgram({ ops: many }))
const net = regression()
work.writeProgram('net/main.json', net.main)
work.writeProgram('net/startup.json', net.startup)

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ')
const command = quoted([process.execPath, ...oarlock])

function shell(script: string): { status: number | null; stdout: string; stderr: string } {
  // tsx is found from the project, so that is where node starts.
  return spawnSync('bash', ['-c', script], { cwd: root, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
}

describe('the executable', () => {
  it("runs, reads stdin, and its exit code is the process's", () => {
    const { status, stdout } = shell(
      `${command} run - --feed 'x=[[1,-1,2]]' --fetch y -q < '${work.path('relu.json')}'`,
    )
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'y  float32 [1, 3]\n[[1. 0. 2.]]\n' })
    expect(shell(`${command} show /nope.json`).status).toBe(3)
  })

  it('a reader that leaves is no error: show | head -1', () => {
    const { status, stdout, stderr } = shell(`set -o pipefail; ${command} show '${work.path('many.json')}' | head -1`)
    expect(stdout).toMatch(/^program .*20000 ops/)
    expect(stderr).toBe('')
    expect([0, 141]).toContain(status)
  })

  it('files are whole even when the reader has left', () => {
    const save = work.path('whole.json')
    const feed = `--feed 'x=[[1,2]]' --feed 'y=[[1]]'`
    shell(`${command} run '${work.path('net')}' ${feed} --steps 200 --json --save '${save}' | head -c 1`)
    expect(Object.keys(work.json('whole.json'))).toContain('fc_0.w_0')
  })
})

describe('signals', () => {
  it('Ctrl-C ends a long run with 130 after a whole step', async () => {
    const argv = ['run', work.path('net'), '--feed', 'x=[[1,2]]', '--feed', 'y=[[1]]', '--steps', '100000000']
    const child = spawn(process.execPath, [...oarlock, ...argv, '--save', work.path('int.json')], { cwd: root })
    let stderr = ''
    child.stderr.on('data', (part: Buffer) => {
      stderr += part.toString()
      // The line about startup: from here on it trains.
      if (stderr.includes('startup') && !child.killed) setTimeout(() => child.kill('SIGINT'), 100)
    })
    const code = await new Promise((resolve) => child.on('exit', (exit, signal) => resolve(exit ?? signal)))
    expect(code).toBe(130)
    expect(stderr).toMatch(/stopped by SIGINT after step \d+ of 100000000/)
    expect(Object.keys(work.json('int.json'))).toContain('fc_0.w_0')
  })
})
