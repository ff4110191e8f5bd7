/** Worker threads of the platform: those of Node, or a page's Web Workers. */

/** What a pool needs of a worker. */
export interface Worker {
  postMessage(message: unknown): void
}

interface NodeWorker extends Worker {
  unref(): void
  on(event: 'error', listener: (error: unknown) => void): void
}
interface Node {
  readonly process?: { getBuiltinModule?: (name: string) => unknown }
}
type NodeThreads = { readonly Worker: new (source: string, options: { readonly eval: true }) => NodeWorker }
type WebWorker = Worker & { onerror: ((event: unknown) => void) | null }

const builtin = <T>(name: string): T | undefined =>
  (globalThis as Node).process?.getBuiltinModule?.(name) as T | undefined

/** Why no worker could compute in the memory of a program; undefined where one can. */
export function threadsMissing(): string | undefined {
  if (typeof SharedArrayBuffer === 'undefined') {
    return 'this page has no shared memory: it must be cross-origin isolated, by the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp'
  }
  if (builtin('node:worker_threads') === undefined && !('Worker' in globalThis))
    return 'this platform has no worker threads'
  return undefined
}

/** Processors of the machine; 1 where that is not known. */
export function processors(): number {
  const os = builtin<{ availableParallelism(): number }>('node:os')
  if (os !== undefined) return os.availableParallelism()
  return (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1
}

/** Starts a worker that runs this script and does not keep the process alive. */
export function startWorker(source: string, failed: (error: unknown) => void): Worker {
  const threads = builtin<NodeThreads>('node:worker_threads')
  if (threads !== undefined) {
    const worker = new threads.Worker(source, { eval: true })
    worker.on('error', failed)
    worker.unref()
    return worker
  }
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  const worker = new (globalThis as unknown as { Worker: new (url: string) => WebWorker }).Worker(url)
  worker.onerror = failed
  return worker
}
