/**
 * Compares our operators with what tools/oracle/op_fuzz.py recorded from Paddle: `npx tsx tools/op_fuzz.ts OUTDIR [OP …]`. Prints one line for
 * each case that differs; `--refused` also those that Paddle refuses and we accept. What differs is decided by hand; of what agrees one case of
 * each kind (operator, element types, ranks, attributes but for their numbers) becomes a test:
 *   --cases=DIR        writes DIR/OP.jsonl.gz for operators that have none there, with the first kinds: the recorded cases of a new operator
 *   --add=FILE.jsonl.gz  adds the kinds that neither FILE nor those case files have
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { ops } from '../src/ops/index.ts'
import { corrected } from '../test/ops/corrections.ts'
import { type GoldenCase, runGoldenCase } from '../test/ops/golden_case.ts'

const [folder, ...rest] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: npx tsx tools/op_fuzz.ts OUTDIR [--refused] [OP …]')
const showRefused = rest.includes('--refused')
const wanted = rest.filter((arg) => !arg.startsWith('--'))
const option = (name: string): string | undefined =>
  rest.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
const [casesFolder, addTo] = [option('cases'), option('add')]
/** How many kinds a case file of a new operator gets. */
const CASES = 16
const kept = new Map<string, string>()
let passed = 0
let failed = 0
for (const file of readdirSync(folder).sort()) {
  const type = file.replace('.jsonl', '')
  if (!file.endsWith('.jsonl') || (wanted.length > 0 && !wanted.includes(type))) continue
  if (!Object.hasOwn(ops, type)) {
    console.log(`${type}: no such operator here`)
    continue
  }
  for (const line of readFileSync(join(folder, file), 'utf8').trimEnd().split('\n')) {
    const golden = JSON.parse(line) as GoldenCase & { paddle?: string }
    let faults: string[]
    try {
      faults = runGoldenCase(corrected(golden))
    } catch (error) {
      faults = [`${(error as { category?: string }).category ?? 'UNTYPED'} thrown: ${(error as Error).message}`]
    }
    if (golden.error !== undefined && !showRefused && faults[0]?.startsWith('no error') === true) continue
    if (faults.length === 0) {
      passed++
      const { paddle: _, ...plain } = golden
      if (!kept.has(kindOf(golden))) kept.set(kindOf(golden), JSON.stringify(plain))
      continue
    }
    failed++
    const shapes = Object.entries(golden.inputs).map(
      ([slot, list]) =>
        `${slot}=${list.map(({ tensor }) => describe(tensor as { dtype?: string; shape?: number[]; data?: unknown[] })).join('+')}`,
    )
    console.log(`${type}/${golden.name} ${shapes.join(' ')} ${JSON.stringify(golden.attrs)}`)
    if (golden.paddle !== undefined) console.log(`    paddle: ${golden.paddle}`)
    for (const fault of faults.slice(0, 4)) console.log(`    ${fault.slice(0, 400)}`)
  }
}
console.log(`${passed} agree, ${failed} differ`)

const byOperator = new Map<string, string[]>()
for (const [kind, line] of kept) {
  const { op } = JSON.parse(line) as GoldenCase
  const file = `${casesFolder}/${op}.jsonl.gz`
  if (casesFolder === undefined || existsSync(file)) continue
  // Refused calls come last: what an operator computes says more.
  const lines = byOperator.get(op) ?? []
  byOperator.set(op, lines)
  if (lines.length >= CASES || line.includes('"error":{"category"')) continue
  lines.push(line)
  kept.delete(kind)
}
for (const [op, lines] of byOperator) writeLines(`${casesFolder}/${op}.jsonl.gz`, lines)
if (addTo !== undefined) {
  const before = existsSync(addTo) ? gunzipSync(readFileSync(addTo)).toString().trimEnd().split('\n') : []
  const known = new Set(before.map((line) => kindOf(JSON.parse(line) as GoldenCase)))
  const names = new Set(before.map((line) => nameOf(JSON.parse(line) as GoldenCase)))
  const more = [...kept].filter(
    ([kind, line]) => !known.has(kind) && !names.has(nameOf(JSON.parse(line) as GoldenCase)),
  )
  writeLines(addTo, [...before, ...more.map(([, line]) => line)])
}

function writeLines(file: string, lines: readonly string[]): void {
  writeFileSync(file, gzipSync(`${lines.join('\n')}\n`, { level: 9 }))
  console.log(`${lines.length} in ${file}`)
}

function nameOf({ op, name }: GoldenCase): string {
  return `${op}/${name}`
}

/** Cases of one kind differ in numbers only. */
function kindOf({ op, inputs, attrs, error }: GoldenCase): string {
  const slots = Object.entries(inputs).map(([slot, list]) => {
    const { dtype, shape } = (list[0]?.tensor ?? {}) as { dtype?: string; shape?: number[] }
    return [slot, list.length, dtype, shape?.length, shape?.includes(0), shape?.includes(1)]
  })
  const shape = (value: unknown): unknown =>
    Array.isArray(value) ? value.length : typeof value === 'number' ? Math.sign(value) : value
  return JSON.stringify([
    op,
    error?.category,
    slots,
    Object.entries(attrs).map(([name, value]) => [name, shape(value)]),
  ])
}

function describe({ dtype, shape, data }: { dtype?: string; shape?: number[]; data?: unknown[] }): string {
  const values = data !== undefined && data.length <= 6 && dtype?.startsWith('int') ? `{${data.join()}}` : ''
  return `${dtype}[${shape?.join()}]${values}`
}
