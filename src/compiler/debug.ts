/** What DEBUG=1 to 4 tells of runs and passes, on standard error. */
import type { RunObserver } from '../executor/observer.ts'
import type { Plan } from '../executor/plan.ts'
import { readSwitches } from '../executor/switches.ts'
import { formatBytes } from '../framework/print_text.ts'
import { formatShape } from '../tensor/shape.ts'
import type { PassStep } from './optimize.ts'

type Write = (line: string) => void

const standardError: Write = (line) => console.error(`oarlock: ${line}`)

/** The observer that an executor has when nobody gives it another one; undefined with DEBUG off. */
export function debugObserver(level = readSwitches().debug, write: Write = standardError): RunObserver | undefined {
  if (level === 0) return undefined
  let plan: Plan | undefined
  return {
    units: level >= 4,
    planned(made) {
      plan = made
      if (level < 2) return
      const { arenaBytes, temporaryBytes, peak } = made.memory
      const { compiled, typescript } = made.coverage
      const most = peak === null ? '' : `, most alive ${formatBytes(peak.bytes)} at b0#${peak.op}`
      write(
        `plan of ${compiled + typescript} operators, ${compiled} compiled: arena ${formatBytes(arenaBytes)}, ${formatBytes(temporaryBytes)} without sharing${most}`,
      )
    },
    ran({ block, first, last, compiled, begin, end }, ops) {
      for (let index = first; index <= last; index++) {
        const shapes = block === 0 && plan?.program.globalBlock().ops === ops ? shapesOf(plan, index) : ''
        const time = index === last ? ` ${(end - begin).toFixed(3)} ms` : ' +'
        write(`b${block}#${index} ${ops[index]!.type}${shapes}${compiled ? ' compiled' : ''}${time}`)
      }
    },
    finished({ engine, backend, compiledOps, reason }, ms) {
      const why = reason === undefined ? '' : ` (${reason})`
      write(`run ${ms.toFixed(3)} ms, ${engine} on ${backend}, ${compiledOps} operators compiled${why}`)
    },
  }
}

function shapesOf(plan: Plan, index: number): string {
  const side = (slots: ReturnType<Plan['slotsOf']>['inputs']): string =>
    Object.entries(slots)
      .flatMap(([slot, list]) =>
        list.map((tensor) => (tensor === undefined ? '' : ` ${slot} ${tensor.dtype}${formatShape(tensor.shape)}`)),
      )
      .join('')
  const { inputs, outputs } = plan.slotsOf(index)
  return `${side(inputs)} ->${side(outputs)}`
}

/** DEBUG=3: what each pass left. */
export function debugStep(step: PassStep, level = readSwitches().debug, write: Write = standardError): void {
  if (level < 3) return
  const { pass, before, after, opsBefore, opsAfter, ms } = step
  const changed = before === after ? 'unchanged' : `${opsBefore} to ${opsAfter} operators\n${after}`
  write(`pass ${pass.name}, ${ms.toFixed(1)} ms: ${changed}`)
}
