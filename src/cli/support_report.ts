/** The table of a program's operators: how many, whether they run here, whether they have a gradient. */

import { counted } from '../framework/print_text.ts'
import type { Program } from '../framework/program.ts'
import { isRunnable, type OperatorSupport, operatorSupport } from '../framework/support.ts'
import { type Output, visible } from './output.ts'

/** One line a type, under a heading. @param bars draws the counts. */
export function supportTable(support: readonly OperatorSupport[], out: Output): string[] {
  const widest = Math.max(2, ...support.map(({ type }) => Math.min(40, visible(type).length)))
  const most = support[0]?.count ?? 1
  const bar = (count: number): string => (out.ascii ? '#' : '█').repeat(Math.max(1, Math.round((count / most) * 24)))
  return [
    `  ${'op'.padEnd(widest)}  count  kernel  gradient`,
    ...support.map(({ type, count, known, kernels, gradient }) => {
      const kernel = !known ? 'unknown' : kernels.length > 0 ? 'yes' : 'no'
      const cells = [
        visible(type).padEnd(widest),
        String(count).padStart(5),
        kernel.padEnd(7),
        (known ? gradient : '').padEnd(7),
      ]
      return `  ${cells.join('  ')} ${bar(count)}${known ? '' : '  not implemented here'}`.trimEnd()
    }),
  ]
}

/** The table, where something of the program cannot run; it stands before the error that says so. */
export function unsupportedReport(program: Program, out: Output): string | undefined {
  const support = operatorSupport(program)
  if (isRunnable(support)) return undefined
  const missing = support.filter(({ kernels }) => kernels.length === 0)
  const total = (list: readonly OperatorSupport[]): number => list.reduce((sum, { count }) => sum + count, 0)
  return [
    `${counted(total(missing), 'operator')} of ${total(support)} cannot run here, of ${counted(missing.length, 'type')} of ${support.length}:`,
    ...supportTable(support, out),
  ].join('\n')
}
