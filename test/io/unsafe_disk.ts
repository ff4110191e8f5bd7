/**
 * A file system in memory that loses what was not synced. Writing into a file and changing a folder are two things: a file's content is safe
 * once the file was synced, its name once the folder was. After a loss of power any part of the rest may be there or not, in any order, and
 * content may be torn.
 */

interface FileNode {
  readonly kind: 'file'
  content: Uint8Array
  safe: Uint8Array
}
interface FolderNode {
  readonly kind: 'folder'
  readonly entries: Map<string, DiskNode>
  /** What a loss of power cannot take. */
  safe: ReadonlyMap<string, DiskNode>
  /** Changes since then; one is done whole or not at all, as renaming is. */
  pending: ((entries: Map<string, DiskNode>) => void)[]
}
type DiskNode = FileNode | FolderNode

/** What survives of a change that was not synced: its number gives true if it does. */
export type Survives = () => boolean

/** Thrown by every call once the power is gone. */
export class PowerLoss extends Error {}

const folder = (entries: Iterable<readonly [string, DiskNode]> = []): FolderNode => {
  const all = new Map(entries)
  return { kind: 'folder', entries: all, safe: new Map(all), pending: [] }
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

export class UnsafeDisk {
  readonly #root: FolderNode
  readonly #handles = new Map<number, DiskNode>()
  #nextHandle = 3
  /** Changes made so far. */
  changes = 0
  /** The power goes before change number `failAt`. */
  failAt = Number.POSITIVE_INFINITY

  constructor(root: FolderNode = folder()) {
    this.#root = root
  }

  /** The disk as it is found when the power is back. */
  afterPowerLoss(survives: Survives): UnsafeDisk {
    const seen = new Map<DiskNode, DiskNode>()
    const left = (node: DiskNode): DiskNode => {
      const known = seen.get(node)
      if (known !== undefined) return known
      let made: DiskNode
      if (node.kind === 'file') {
        const synced = node.safe === node.content
        const content = synced || survives() ? node.content : survives() ? torn(node) : node.safe
        made = { kind: 'file', content, safe: content }
      } else {
        const entries = new Map(node.safe)
        for (const change of node.pending) if (survives()) change(entries)
        made = folder([...entries].map(([name, inner]) => [name, left(inner)] as const))
      }
      seen.set(node, made)
      return made
    }
    return new UnsafeDisk(left(this.#root) as FolderNode)
  }

  /** The functions of node:fs that checkpoints use. */
  readonly fs = {
    existsSync: (path: string): boolean => this.#find(path) !== undefined,
    readdirSync: (path: string): string[] => [...this.#folder(path).entries.keys()],
    readFileSync: (path: string): Uint8Array => {
      const node = this.#get(path)
      if (node.kind !== 'file') throw systemError('EISDIR', path)
      return node.content.slice()
    },
    mkdirSync: (path: string, options: { recursive?: boolean } = {}): string | undefined => {
      if (options.recursive !== true) {
        const [parent, name] = this.#place(path)
        if (parent.entries.has(name)) throw systemError('EEXIST', path)
        this.#change(parent, (entries, made = folder()) => void entries.set(name, made))
        return undefined
      }
      let first: string | undefined
      const parts = path.split('/').filter((part) => part !== '')
      for (let i = 1; i <= parts.length; i++) {
        const at = `/${parts.slice(0, i).join('/')}`
        if (this.#find(at) !== undefined) continue
        this.fs.mkdirSync(at)
        first ??= at
      }
      return first
    },
    openSync: (path: string, flags: string): number => {
      if (flags !== 'r') {
        const [parent, name] = this.#place(path)
        if (parent.entries.has(name)) throw systemError('EEXIST', path)
        const made: FileNode = { kind: 'file', content: new Uint8Array(0), safe: new Uint8Array(0) }
        this.#change(parent, (entries) => void entries.set(name, made))
      }
      this.#handles.set(this.#nextHandle, this.#get(path))
      return this.#nextHandle++
    },
    writeSync: (handle: number, bytes: Uint8Array, offset = 0): number => {
      this.#power()
      const file = this.#handles.get(handle) as FileNode
      // Short writes happen; whoever writes must go on.
      const part = bytes.subarray(offset, offset + 4096)
      const content = new Uint8Array(file.content.length + part.length)
      content.set(file.content)
      content.set(part, file.content.length)
      file.content = content
      return part.length
    },
    fsyncSync: (handle: number): void => {
      this.#power()
      const node = this.#handles.get(handle)!
      if (node.kind === 'file') node.safe = node.content
      else {
        node.safe = new Map(node.entries)
        node.pending = []
      }
    },
    closeSync: (handle: number): void => void this.#handles.delete(handle),
    renameSync: (from: string, to: string): void => {
      const [parent, name] = this.#place(from)
      const [target, newName] = this.#place(to)
      const node = this.#get(from)
      if (parent !== target) throw new Error('this disk renames inside of a folder alone')
      this.#change(parent, (entries) => {
        entries.delete(name)
        entries.set(newName, node)
      })
    },
    rmSync: (path: string, options: { recursive?: boolean; force?: boolean } = {}): void => {
      const node = this.#find(path)
      if (node === undefined) {
        if (options.force === true) return
        throw systemError('ENOENT', path)
      }
      if (node.kind === 'folder')
        for (const name of [...node.entries.keys()]) this.fs.rmSync(`${path}/${name}`, options)
      const [parent, name] = this.#place(path)
      this.#change(parent, (entries) => void entries.delete(name))
    },
  }

  #power(): void {
    if (this.changes >= this.failAt) throw new PowerLoss()
    this.changes++
  }

  #change(parent: FolderNode, change: (entries: Map<string, DiskNode>, made?: FolderNode) => void): void {
    this.#power()
    // The same new folder, whenever the change is done again.
    const made = folder()
    const once = (entries: Map<string, DiskNode>): void => change(entries, made)
    once(parent.entries)
    parent.pending.push(once)
  }

  #find(path: string): DiskNode | undefined {
    if (this.changes >= this.failAt) throw new PowerLoss()
    let node: DiskNode | undefined = this.#root
    for (const part of path.split('/').filter((name) => name !== '')) {
      if (node?.kind !== 'folder') return undefined
      node = node.entries.get(part)
    }
    return node
  }

  #get(path: string): DiskNode {
    const node = this.#find(path)
    if (node === undefined) throw systemError('ENOENT', path)
    return node
  }

  #folder(path: string): FolderNode {
    const node = this.#get(path)
    if (node.kind !== 'folder') throw systemError('ENOTDIR', path)
    return node
  }

  #place(path: string): [FolderNode, string] {
    const cut = path.lastIndexOf('/')
    return [this.#folder(path.slice(0, cut)), path.slice(cut + 1)]
  }
}

/** Half of what was written, the rest zeros: the length of a file may be safe before its content is. */
function torn({ content }: FileNode): Uint8Array {
  const half = new Uint8Array(content.length)
  half.set(content.subarray(0, content.length >> 1))
  return half
}
