/**
 * Where in the caller's code an operator was appended. The stack is captured when the operator is made and turned into text only when asked.
 */

/** The folder of this library; in a bundle the bundle itself. Bundlers put what `new URL(…, import.meta.url)` names into the page. */
const LIBRARY = import.meta.url.replace(/framework\/call_site\.[jt]s.*$/, '')
const LIBRARY_PATH = LIBRARY.replace(/^file:\/\//, '')

export class CallSite {
  #captured: { stack?: string }
  #text: string | undefined

  constructor() {
    this.#captured = {}
    const engine = Error as unknown as { captureStackTrace?: (target: object) => void; stackTraceLimit?: number }
    const limit = engine.stackTraceLimit
    engine.stackTraceLimit = 20
    if (engine.captureStackTrace !== undefined) engine.captureStackTrace(this.#captured)
    else this.#captured = new Error()
    if (limit !== undefined) engine.stackTraceLimit = limit
  }

  /** `file:line:column` of the first frame outside the library, or undefined where there is none. */
  get text(): string | undefined {
    if (this.#text === undefined) {
      this.#text = ''
      for (const line of (this.#captured.stack ?? '').split('\n')) {
        const match = /(?:\(|at |@)((?:file:\/\/|https?:\/\/|\/|[A-Za-z]:[\\/]).*?:\d+:\d+)\)?$/.exec(line.trim())
        if (match === null) continue
        const frame = match[1]!
        if (frame.startsWith(LIBRARY) || frame.startsWith(LIBRARY_PATH)) continue
        if (frame.includes('node:') || frame.includes('/node_modules/')) continue
        this.#text = frame.replace(/^file:\/\//, '')
        break
      }
      this.#captured = {}
    }
    return this.#text === '' ? undefined : this.#text
  }
}

/**
 * The place of many appends in a row that the library makes in a loop of its own: a stack for each would cost more than the append. Where
 * code of the caller's lies between the loop and its appends (the hook of an optimizer of theirs), which the first append shows, each append has
 * its own.
 */
export class SharedCallSite {
  readonly #loop = new CallSite()
  #isShared: boolean | undefined

  next(): CallSite {
    if (this.#isShared === true) return this.#loop
    const site = new CallSite()
    this.#isShared ??= site.text === this.#loop.text
    return site
  }
}
