/** Checkpoints on a disk that loses what was not synced: the power goes before each single change, and different parts of the rest survive. */
import { afterEach, expect, test, vi } from 'vitest'
import {
  build,
  EnforceError,
  Executor,
  input,
  loadCheckpoint,
  nn,
  optimizer,
  type Program,
  saveCheckpoint,
  Tensor,
} from '../../src/index.ts'
import { Generator } from '../../src/tensor/random.ts'
import { PowerLoss, type Survives, UnsafeDisk } from './unsafe_disk.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

interface Net {
  readonly executor: Executor
  readonly program: Program
}

function net(): Net {
  const { main, startup } = build(() => {
    new optimizer.Momentum({ learningRate: 0.1 }).minimize(nn.functional.fc(input('x', [null, 3]), 2).mean())
  })
  const executor = new Executor({ seed: 1 })
  executor.run(startup)
  return { executor, program: main }
}

/** Sets every value to the number of the step, so that a mixture is known by its values. */
function mark({ executor, program }: Net, step: number): void {
  for (const { name } of program.globalBlock().vars.values()) {
    const value = executor.scope.get(name)
    if (value instanceof Tensor)
      executor.scope.set(name, new Tensor('float32', value.shape, new Float32Array(value.size).fill(step)))
  }
}

function steps({ executor, program }: Net): number[] {
  const found = new Set<number>()
  for (const { name } of program.globalBlock().vars.values()) {
    const value = executor.scope.get(name)
    if (value instanceof Tensor) for (const item of value.data as Float32Array) found.add(item)
  }
  return [...found]
}

const DIR = '/training/run/checkpoints'

/** Makes the functions of the library see `disk`. */
function mount(disk: UnsafeDisk): void {
  vi.restoreAllMocks()
  const real = process.getBuiltinModule.bind(process)
  vi.spyOn(process, 'getBuiltinModule').mockImplementation(((name: string) =>
    name === 'node:fs' ? disk.fs : real(name as 'node:fs')) as typeof process.getBuiltinModule)
}

/** Four saves, until the power goes; the step of the last one that was reported. */
function train(disk: UnsafeDisk, training: Net): number {
  mount(disk)
  let reported = 0
  try {
    for (let step = 1; step <= 4; step++) {
      mark(training, step)
      saveCheckpoint(DIR, { ...training, step })
      reported = step
    }
  } catch (error) {
    if (!(error instanceof PowerLoss)) throw error
  }
  return reported
}

function random(seed: number): Survives {
  const generator = new Generator(seed)
  return () => {
    generator.engine.next()
    return (generator.engine.lo & 1) === 1
  }
}

test('a loss of power before any change leaves the last reported checkpoint or the next one, whole', () => {
  const training = net()
  const whole = new UnsafeDisk()
  expect(train(whole, training)).toBe(4)
  expect(whole.changes).toBeGreaterThan(60)
  const reader = net()
  const faults: string[] = []
  for (let failAt = 0; failAt <= whole.changes; failAt++) {
    const disk = new UnsafeDisk()
    disk.failAt = failAt
    const reported = train(disk, training)
    const outcomes: [string, Survives][] = [
      ['nothing more', () => false],
      ['everything', () => true],
      ...[1, 2, 3, 4].map((seed): [string, Survives] => [`part ${seed}`, random(seed + 100 * failAt)]),
    ]
    for (const [label, survives] of outcomes) {
      mount(disk.afterPowerLoss(survives))
      const place = `power lost before change ${failAt}, ${label} survives, ${reported} reported`
      try {
        const loaded = loadCheckpoint(DIR, reader)
        const values = steps(reader)
        const right = loaded.step === reported || loaded.step === reported + 1
        if (!right || loaded.damaged.length > 0 || values.length !== 1 || values[0] !== loaded.step) {
          faults.push(`${place}: step ${loaded.step}, values of ${values.join()}, ${loaded.damaged.length} damaged`)
        }
      } catch (error) {
        const none = error instanceof EnforceError && error.code === 'E550'
        if (!none || reported > 0) faults.push(`${place}: ${String(error)}`)
      }
    }
  }
  expect(faults).toEqual([])
})

test('the disk loses what a writer without sync leaves to it', () => {
  const disk = new UnsafeDisk()
  disk.fs.mkdirSync('/d')
  disk.fs.fsyncSync(disk.fs.openSync('/', 'r'))
  const handle = disk.fs.openSync('/d/file', 'wx')
  disk.fs.writeSync(handle, Uint8Array.of(1, 2, 3, 4))
  expect(disk.afterPowerLoss(() => false).fs.readdirSync('/d')).toEqual([])
  disk.fs.fsyncSync(disk.fs.openSync('/d', 'r'))
  expect([...disk.afterPowerLoss(() => false).fs.readFileSync('/d/file')]).toEqual([])
  disk.fs.fsyncSync(handle)
  expect([...disk.afterPowerLoss(() => false).fs.readFileSync('/d/file')]).toEqual([1, 2, 3, 4])
})
