/** One WebAssembly function being written: its locals and statements. Expressions are in instructions.ts. */
import { type Code, type Effect, i32, unsigned, type ValueType } from './instructions.ts'

const TYPE_BYTE: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

/** A local variable; as code it is its value. */
export interface Local<T extends ValueType = ValueType> extends Code<T> {
  readonly index: number
}

export type I32 = Code<'i32'>
export type Vector = Code<'v128'>

export const typeByte = (type: ValueType): number => TYPE_BYTE[type]

export class FunctionBuilder {
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
  readonly #locals: ValueType[] = []
  readonly #code: number[] = []
  /** Open blocks, loops and ifs. */
  #depth = 0

  constructor(params: readonly ValueType[], results: readonly ValueType[] = []) {
    this.params = params
    this.results = results
  }

  param(index: number): Local<'i32'> {
    return local(index, 'i32')
  }

  local<T extends ValueType>(type: T): Local<T> {
    this.#locals.push(type)
    return local(this.params.length + this.#locals.length - 1, type)
  }

  locals<T extends ValueType>(type: T, count: number): Local<T>[] {
    return Array.from({ length: count }, () => this.local(type))
  }

  /** A new local that holds `value`. */
  let<T extends ValueType>(value: Code<T>): Local<T> {
    const result = this.local(value.type)
    this.set(result, value)
    return result
  }

  set<T extends ValueType>(target: Local<T>, value: Code<T>): void {
    this.#push(value.bytes)
    this.#push([0x21, ...unsigned(target.index)])
  }

  /** target = target + bytes */
  advance(target: Local<'i32'>, by: I32 | number): void {
    if (by === 0) return
    this.set(target, i32.add(target, typeof by === 'number' ? i32.const(by) : by))
  }

  /** A store, or any other code that leaves nothing. */
  do(effect: Effect): void {
    this.#push(effect.bytes)
  }

  /** Runs `body` while the condition that it returns holds, at least once. */
  repeat(body: () => I32): void {
    this.#open(0x03)
    const again = body()
    this.#push(again.bytes)
    this.#push([0x0d, 0])
    this.#close()
  }

  /**
   * Counts `variable` from `from` up to but not including `to`. With numbers the loop is left out, unrolled to nothing or guarded as they
   * say; with code it is guarded.
   */
  count(variable: Local<'i32'>, from: I32 | number, to: I32 | number, step: number, body: () => void): void {
    if (typeof from === 'number' && typeof to === 'number') {
      if (from >= to) return
      this.set(variable, i32.const(from))
      if (from + step >= to) {
        body()
        return
      }
      this.repeat(() => {
        body()
        this.advance(variable, step)
        return i32.ltS(variable, i32.const(to))
      })
      return
    }
    const end = typeof to === 'number' ? i32.const(to) : to
    this.set(variable, typeof from === 'number' ? i32.const(from) : from)
    this.if(i32.ltS(variable, end), () => {
      this.repeat(() => {
        body()
        this.advance(variable, step)
        return i32.ltS(variable, end)
      })
    })
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.#push(condition.bytes)
    this.#open(0x04)
    then()
    if (otherwise !== undefined) {
      this.#push([0x05])
      otherwise()
    }
    this.#close()
  }

  /** A block that `leave` ends: `leave(condition)` goes to its end where the condition holds. */
  block(body: (leave: (condition: I32) => void) => void): void {
    this.#open(0x02)
    const level = this.#depth
    body((condition) => {
      this.#push(condition.bytes)
      this.#push([0x0d, ...unsigned(this.#depth - level)])
    })
    this.#close()
  }

  /** Calls function number `index` of the module, which returns nothing. */
  call(index: number, args: readonly Code[]): void {
    for (const arg of args) this.#push(arg.bytes)
    this.#push([0x10, ...unsigned(index)])
  }

  /** Computes a value and forgets it. */
  drop(value: Code): void {
    this.#push(value.bytes)
    this.#push([0x1a])
  }

  return(value: I32): void {
    this.#push(value.bytes)
    this.#push([0x0f])
  }

  /** The value that the function returns when its end is reached. */
  result(value: I32): void {
    this.#push(value.bytes)
  }

  /** The body with its locals, as the code section holds it. */
  body(): number[] {
    const groups: [number, ValueType][] = []
    for (const type of this.#locals) {
      const last = groups[groups.length - 1]
      if (last !== undefined && last[1] === type) last[0]++
      else groups.push([1, type])
    }
    const declarations = [
      ...unsigned(groups.length),
      ...groups.flatMap(([count, type]) => [...unsigned(count), typeByte(type)]),
    ]
    const body = declarations
    for (const byte of this.#code) body.push(byte)
    body.push(0x0b)
    return body
  }

  #open(opcode: number): void {
    this.#code.push(opcode, 0x40)
    this.#depth++
  }

  #close(): void {
    this.#code.push(0x0b)
    this.#depth--
  }

  #push(bytes: readonly number[]): void {
    for (const byte of bytes) this.#code.push(byte)
  }
}

/** The result of calling function number `index`, which returns an i32. */
export function callResult(index: number, args: readonly Code[]): I32 {
  return { type: 'i32', bytes: [...args.flatMap((arg) => arg.bytes), 0x10, ...unsigned(index)] }
}

function local<T extends ValueType>(index: number, type: T): Local<T> {
  return { index, type, bytes: [0x20, ...unsigned(index)] }
}
