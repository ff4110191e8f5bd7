/**
 * What part an operator has in a training program: bits of the attribute `op_role`, as in Paddle's op_proto_maker.
 * A program keeps the current role, the current role variables and the open name scopes; every operator that is appended takes them.
 */

export const OpRole = {
  Forward: 0,
  Backward: 1,
  Optimize: 2,
  RPC: 4,
  Dist: 8,
  LRSched: 16,
  Loss: 256,
  NotSpecified: 4096,
} as const

export const OP_ROLE = 'op_role'
export const OP_ROLE_VAR = 'op_role_var'
export const OP_NAMESCOPE = 'op_namescope'
export const OP_DEVICE = 'op_device'

/** One letter for a role, as listings show it: F forward, B backward, O optimize, L learning rate. */
export function roleLetter(role: number): 'F' | 'B' | 'O' | 'L' {
  if (role & OpRole.LRSched) return 'L'
  if (role & OpRole.Optimize) return 'O'
  return role & OpRole.Backward ? 'B' : 'F'
}

/** `forward`, `backward`, `optimize`, `lr_sched`, with `, loss` where that bit is set. */
export function roleName(role: number): string {
  const name = { F: 'forward', B: 'backward', O: 'optimize', L: 'lr_sched' }[roleLetter(role)]
  return role & OpRole.Loss ? `${name}, loss` : name
}

interface ScopeNode {
  readonly path: string
  readonly children: Map<string, number>
}

/**
 * Open name scopes. A child opened a second time under the same parent gets the suffix `_1`, then `_2`: `/optimizer/`, `/optimizer_1/`.
 */
export class NameScopes {
  #stack: ScopeNode[] = [{ path: '/', children: new Map() }]

  /** `/`, or `/a/b_1/`. */
  get path(): string {
    return this.#stack[this.#stack.length - 1]!.path
  }

  within<T>(prefix: string, body: () => T): T {
    const parent = this.#stack[this.#stack.length - 1]!
    const count = parent.children.get(prefix) ?? 0
    parent.children.set(prefix, count + 1)
    const name = count === 0 ? prefix : `${prefix}_${count}`
    this.#stack.push({ path: `${parent.path}${name}/`, children: new Map() })
    try {
      return body()
    } finally {
      this.#stack.pop()
    }
  }

  /** Counts a scope as opened without opening it, as Paddle does where nothing is emitted in it. */
  skip(prefix: string): void {
    this.within(prefix, () => undefined)
  }
}
