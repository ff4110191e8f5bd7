/** Which back ends this process has: one WASM back end that everything shares, so that equal programs share compiled modules. */
import type { Backend } from '../executor/backend.ts'
import { EagerCompiler } from './eager.ts'
import { WasmBackend } from './wasm/backend.ts'

/** 'wasm' compiles operators to WebAssembly where they have a lowering; 'ts' runs all by their TypeScript kernels. */
export type BackendName = 'wasm' | 'ts'

/** An empty function that uses SIMD: `v128.const` and `drop`. */
const SIMD_PROBE = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 4, 1, 0x60, 0, 0],
  ...[3, 2, 1, 0],
  ...[10, 23, 1, 21, 0, 0xfd, 12, ...new Array<number>(16).fill(0), 0x1a, 0x0b],
)

let wasm: Backend | undefined | 'none'
let eager: EagerCompiler | undefined

/** undefined where WebAssembly is missing, lacks SIMD, or may not be compiled, as under a content security policy without 'wasm-unsafe-eval'. */
export function wasmBackend(): Backend | undefined {
  wasm ??= canCompile() ? new WasmBackend() : 'none'
  return wasm === 'none' ? undefined : wasm
}

/** The same back end for single operators on tensors. */
export function eagerCompiler(): EagerCompiler | undefined {
  const backend = wasmBackend()
  if (backend !== undefined) eager ??= new EagerCompiler(backend)
  return eager
}

function canCompile(): boolean {
  try {
    return new WebAssembly.Module(SIMD_PROBE) instanceof WebAssembly.Module
  } catch {
    return false
  }
}
