/**
 * A pool of threads over shared memory. The main thread forks a kernel: every thread computes a fixed part of its units, the main thread the
 * first one, and then spins until all are done. Parts follow from the number of units and threads alone, and kernels give the same bits
 * however their units are split.
 */
import { PreconditionNotMetError } from '../../errors.ts'
import type { Threading } from '../../executor/backend.ts'
import { CONTROL, doneWord, receivedWord, WORKER_SOURCE } from './control.ts'
import { processors, startWorker, threadsMissing, type Worker } from './platform.ts'

/** The most threads of a pool. */
export const MAX_THREADS = 64
/** How long the first run waits for workers to start, where it may wait at all. */
const START_MS = 5000
/** A part that takes longer than this was lost with its thread. */
const LOST_MS = 120_000
/** Multiply-adds or bytes of a kernel that is worth waking threads for. */
const WAKING_WORK = 2_000_000

/** A kernel that a module exports. */
export type KernelFunction = (record: number, begin: number, end: number) => number

export class ThreadPool {
  readonly threads: number
  readonly #control: Int32Array
  readonly #workers: Worker[] = []
  #sent = 0
  #instances = 0
  #epoch = 0
  #ready = false
  #failure: string | undefined
  /** Tells the workers of instances that nobody can reach any more. */
  readonly #collected = new FinalizationRegistry<number>((id) => this.#post(() => ({ id })))

  constructor(threads: number) {
    this.threads = threads
    this.#control = new Int32Array(new SharedArrayBuffer(4 * CONTROL.PER_WORKER * (threads + 1)))
    try {
      for (let thread = 1; thread < threads; thread++) {
        this.#workers.push(
          startWorker(WORKER_SOURCE, () => {
            this.#failure = 'a worker thread stopped'
          }),
        )
      }
      this.#post((thread) => ({ control: this.#control, thread, threads }))
    } catch (error) {
      this.#failure = `no worker thread could be started: ${error instanceof Error ? error.message : error}`
    }
  }

  /** Why kernels run on one thread; undefined while all threads work. */
  get failure(): string | undefined {
    if (this.#failure !== undefined || this.#isReady()) return this.#failure
    return 'the worker threads have not started yet: a page starts them when its script lets it'
  }

  /** Gives the workers a module over a memory; returns what its kernels are forked by. */
  register(module: WebAssembly.Module, memory: WebAssembly.Memory, owner: object): number {
    const id = ++this.#instances
    this.#post(() => ({ id, module, memory }))
    this.#collected.register(owner, id)
    return id
  }

  /** Waits until the workers have what was given to them, where this thread may wait: the main thread of a page may not. */
  waitUntilReady(): void {
    if (this.#failure !== undefined) return
    const until = Date.now() + START_MS
    try {
      for (let thread = 1; thread < this.threads; thread++) {
        const word = receivedWord(thread)
        for (let have = Atomics.load(this.#control, word); have < this.#sent; ) {
          const left = until - Date.now()
          if (left <= 0) return
          Atomics.wait(this.#control, word, have, left)
          have = Atomics.load(this.#control, word)
        }
      }
    } catch {
      // This thread may not wait; until the workers are there it computes alone.
    }
  }

  /** Runs a kernel on all threads, or on this one while others are not there or would have to be woken for little. */
  fork(
    kernel: KernelFunction,
    instance: number,
    index: number,
    record: number,
    stride: number,
    units: number,
    work: number,
  ): number {
    const control = this.#control
    if (!this.#isReady()) return kernel(record, 0, units)
    if (Atomics.load(control, CONTROL.SLEEPERS) > 0) {
      if (work < WAKING_WORK) return kernel(record, 0, units)
    }
    control[CONTROL.INSTANCE] = instance
    control[CONTROL.KERNEL] = index
    control[CONTROL.RECORD] = record
    control[CONTROL.STRIDE] = stride
    control[CONTROL.UNITS] = units
    const epoch = this.#raiseEpoch()
    const status = kernel(record, 0, Math.floor(units / this.threads))
    for (let thread = 1; thread < this.threads; thread++) this.#join(doneWord(thread), epoch)
    if (Atomics.load(control, CONTROL.FAILED) !== 0) throw this.#lost('threw')
    return status
  }

  /** Wakes threads that sleep, so that they are there for the kernels of a run that begins. */
  wake(): void {
    if (Atomics.load(this.#control, CONTROL.SLEEPERS) > 0) Atomics.notify(this.#control, CONTROL.EPOCH)
  }

  #join(word: number, epoch: number): void {
    const control = this.#control
    let spins = 0
    let since = 0
    while (Atomics.load(control, word) !== epoch) {
      if (++spins % 1_000_000 !== 0) continue
      since ||= Date.now()
      if (this.#failure !== undefined || Date.now() - since > LOST_MS) throw this.#lost('did not end')
    }
  }

  #lost(how: string): PreconditionNotMetError {
    this.#failure = `the part of a worker thread ${how}`
    return new PreconditionNotMetError('E109', `${this.#failure}; what this run wrote is not valid`, {
      hint: 'run again: this process goes on with one thread',
    })
  }

  #isReady(): boolean {
    if (this.#ready || this.#failure !== undefined) return this.#ready && this.#failure === undefined
    for (let thread = 1; thread < this.threads; thread++)
      if (Atomics.load(this.#control, receivedWord(thread)) < this.#sent) return false
    this.#ready = true
    return true
  }

  #raiseEpoch(): number {
    this.#epoch = (this.#epoch + 1) | 0
    Atomics.store(this.#control, CONTROL.EPOCH, this.#epoch)
    if (Atomics.load(this.#control, CONTROL.SLEEPERS) > 0) Atomics.notify(this.#control, CONTROL.EPOCH)
    return this.#epoch
  }

  #post(message: (thread: number) => unknown): void {
    for (const [i, worker] of this.#workers.entries()) worker.postMessage(message(i + 1))
    this.#ready = false
    Atomics.store(this.#control, CONTROL.SENT, ++this.#sent)
    this.#raiseEpoch()
  }
}

const pools = new Map<number, ThreadPool>()

/** The pool that all executors of this many threads share; they never run at the same time. */
export function threadPool(threads: number): ThreadPool {
  let pool = pools.get(threads)
  if (pool === undefined) pools.set(threads, (pool = new ThreadPool(threads)))
  return pool
}

/** The threads that this platform gives for `wanted`, and why fewer. */
export function threadingFor(wanted: number): Threading {
  if (wanted === 1) return { threads: 1 }
  const missing = threadsMissing()
  if (missing !== undefined) return { threads: 1, reason: missing }
  const most = Math.min(MAX_THREADS, processors())
  return wanted <= most ? { threads: wanted } : { threads: most, reason: `this machine has ${most} processors` }
}
