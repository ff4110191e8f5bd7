/** A WebAssembly module over one imported memory: functions by number, some of them exported. */
import { assert } from '../../errors.ts'
import { type FunctionBuilder, typeByte } from './function_builder.ts'
import { unsigned } from './instructions.ts'

/** What the import must declare of the memory it is given. */
export interface MemoryType {
  readonly shared: boolean
  /** Pages of 64 KiB that the memory may grow to. */
  readonly maximum: number
}

type FunctionType = Pick<FunctionBuilder, 'params' | 'results'>

export class ModuleBuilder {
  readonly #imports: { readonly name: string; readonly type: FunctionType }[] = []
  readonly #functions: FunctionBuilder[] = []
  readonly #exports: { readonly name: string; readonly index: number }[] = []

  /** Exports a function that was added. */
  export(name: string, index: number): void {
    this.#exports.push({ name, index })
  }

  /** Declares a function of `env` and returns its number; all imports come before the first function. */
  import(name: string, type: FunctionType): number {
    assert(this.#functions.length === 0, 'functions are numbered after the imports')
    this.#imports.push({ name, type })
    return this.#imports.length - 1
  }

  /** Adds a function and returns its number. */
  add(code: FunctionBuilder, exportName?: string): number {
    const index = this.#imports.length + this.#functions.length
    this.#functions.push(code)
    if (exportName !== undefined) this.export(exportName, index)
    return index
  }

  /** The module in binary form. Linear in the code. */
  bytes({ shared, maximum }: MemoryType): Uint8Array<ArrayBuffer> {
    const types = new Map<string, number>()
    const signatures: number[][] = []
    const typeOf = ({ params, results }: FunctionType): number => {
      const key = `${params.join()}>${results.join()}`
      const known = types.get(key)
      if (known !== undefined) return known
      const index = signatures.length
      types.set(key, index)
      signatures.push([
        0x60,
        ...unsigned(params.length),
        ...params.map(typeByte),
        ...unsigned(results.length),
        ...results.map(typeByte),
      ])
      return index
    }
    const imported = this.#imports.map(({ name: text, type }) => [
      ...name('env'),
      ...name(text),
      0x00,
      ...unsigned(typeOf(type)),
    ])
    const functionTypes = this.#functions.map(typeOf)
    const memory = shared ? [0x03, ...unsigned(1), ...unsigned(maximum)] : [0x01, ...unsigned(1), ...unsigned(maximum)]
    const bodies = this.#functions.map((code) => {
      const body = code.body()
      return [unsigned(body.length), body]
    })
    const chunks: (readonly number[])[] = [
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, [unsigned(signatures.length), ...signatures]),
      ...section(2, [unsigned(1 + imported.length), ...imported, name('env'), name('memory'), [0x02], memory]),
      ...section(3, [unsigned(functionTypes.length), ...functionTypes.map(unsigned)]),
      ...section(7, [
        unsigned(this.#exports.length),
        ...this.#exports.flatMap(({ name: text, index }) => [name(text), [0x00], unsigned(index)]),
      ]),
      ...section(10, [unsigned(bodies.length), ...bodies.flat()]),
    ]
    const result = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
    let at = 0
    for (const chunk of chunks) {
      result.set(chunk, at)
      at += chunk.length
    }
    return result
  }
}

function section(id: number, content: readonly (readonly number[])[]): (readonly number[])[] {
  const size = content.reduce((sum, part) => sum + part.length, 0)
  return [[id, ...unsigned(size)], ...content]
}

function name(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)]
  return [...unsigned(bytes.length), ...bytes]
}
