/**
 * The words of shared memory by which the main thread and its workers speak. A job is written first, then EPOCH is raised; each worker does
 * its part and writes the epoch into its DONE word. No two threads wait for a word that the other writes often in the same cache line.
 */
export const CONTROL = {
  /** Raised for every job and every message. */
  EPOCH: 0,
  /** Workers that wait for EPOCH to change in their sleep; the others spin. */
  SLEEPERS: 1,
  /** Messages that the main thread has posted: a worker that has received fewer goes to fetch them. */
  SENT: 2,
  /** Set by a worker whose part of a job threw. */
  FAILED: 3,
  /** The job: which instance and kernel, the record of thread 0, bytes from one thread's record to the next, units in all. */
  INSTANCE: 16,
  KERNEL: 17,
  RECORD: 18,
  STRIDE: 19,
  UNITS: 20,
  /** Of worker t from 1: the last epoch done at `PER_WORKER * (t + 1)`, messages received behind it. */
  PER_WORKER: 32,
} as const

export const doneWord = (thread: number): number => CONTROL.PER_WORKER * (thread + 1)
export const receivedWord = (thread: number): number => doneWord(thread) + 1

/** How long a worker spins for its next job before it sleeps: a sleeping thread takes some 50 microseconds to wake. */
const SPIN_MS = 0.2

/**
 * What a worker runs, as text: Node and pages take it without a file of its own, which bundlers would have to find. It is a script that
 * both understand.
 */
export const WORKER_SOURCE = `'use strict'
const node = typeof require === 'function' ? require('node:worker_threads') : undefined
const instances = new Map()
let control, thread, threads, seen = 0, received = 0

function receive(message) {
  if (message.control) ({ control, thread, threads } = message)
  else if (message.module) {
    const { id, module, memory } = message
    const { exports } = new WebAssembly.Instance(module, { env: { memory, fork: () => 0 } })
    instances.set(id, exports)
  } else instances.delete(message.id)
  received++
  seen = Atomics.load(control, ${CONTROL.EPOCH})
  const word = ${CONTROL.PER_WORKER} * (thread + 1)
  Atomics.store(control, word + 1, received)
  Atomics.notify(control, word + 1)
  work(word)
}

function work(word) {
  let spins = 0
  let since = performance.now()
  for (;;) {
    while (Atomics.load(control, ${CONTROL.EPOCH}) === seen) {
      if (Atomics.load(control, ${CONTROL.SENT}) > received) return
      if (++spins % 512 !== 0 || performance.now() - since < ${SPIN_MS}) continue
      Atomics.add(control, ${CONTROL.SLEEPERS}, 1)
      Atomics.wait(control, ${CONTROL.EPOCH}, seen)
      Atomics.sub(control, ${CONTROL.SLEEPERS}, 1)
      since = performance.now()
    }
    seen = Atomics.load(control, ${CONTROL.EPOCH})
    if (Atomics.load(control, ${CONTROL.SENT}) > received) return
    try {
      const units = control[${CONTROL.UNITS}]
      const begin = Math.floor((units * thread) / threads)
      const end = Math.floor((units * (thread + 1)) / threads)
      const record = control[${CONTROL.RECORD}] + thread * control[${CONTROL.STRIDE}]
      if (begin < end) instances.get(control[${CONTROL.INSTANCE}])['kernel' + control[${CONTROL.KERNEL}]](record, begin, end)
    } catch {
      Atomics.store(control, ${CONTROL.FAILED}, 1)
    }
    Atomics.store(control, word, seen)
    since = performance.now()
    spins = 0
  }
}

if (node) node.parentPort.on('message', receive)
else onmessage = (event) => receive(event.data)
`
