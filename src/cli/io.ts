/**
 * What the command line uses of the outside: two streams, standard input, environment, folder, signals. Tests give their own; `nodeIo` is
 * the process itself.
 */

export interface Sink {
  write(part: string | Uint8Array): void
  readonly isTTY: boolean
  /** Of a terminal. */
  readonly columns: number | undefined
}

export type StopSignal = 'SIGINT' | 'SIGTERM'

export interface Io {
  readonly stdout: Sink
  readonly stderr: Sink
  /** Standard input as far as `limit` bytes and one more. */
  readonly readStdin: (limit: number) => Promise<Uint8Array>
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder that relative paths start from. */
  readonly cwd: string
  /** Calls `handler` at each SIGINT or SIGTERM, which then end nothing by themselves, until the returned function is called. */
  readonly onSignal: (handler: (signal: StopSignal) => void) => () => void
  /** Ends at once. */
  readonly exit: (code: number) => never
}

export function nodeIo(): Io {
  return {
    stdout: sinkOf(process.stdout),
    stderr: sinkOf(process.stderr),
    readStdin: async (limit) => {
      const pieces: Uint8Array[] = []
      let length = 0
      for await (const piece of process.stdin as AsyncIterable<Uint8Array>) {
        pieces.push(piece)
        length += piece.length
        if (length > limit) break
      }
      return Buffer.concat(pieces)
    },
    env: process.env,
    cwd: process.cwd(),
    onSignal: (handler) => {
      process.on('SIGINT', handler)
      process.on('SIGTERM', handler)
      return () => {
        process.off('SIGINT', handler)
        process.off('SIGTERM', handler)
      }
    },
    exit: (code) => process.exit(code),
  }
}

/** Once the reader has gone (`| head -1`) nothing more is written; the command goes on, so that its files are whole. */
function sinkOf(stream: NodeJS.WriteStream): Sink {
  let open = true
  stream.on('error', (error: NodeJS.ErrnoException) => {
    open = false
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') process.exitCode = 3
  })
  return {
    write: (part) => {
      if (open) stream.write(part)
    },
    isTTY: stream.isTTY === true,
    columns: stream.columns,
  }
}
