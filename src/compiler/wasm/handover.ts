/** Lowerings of feed and fetch: the plan puts fed values into their places and copies fetched ones out, so nothing is left to do. */
import { NOTHING } from './ir.ts'
import type { Lowering } from './lowerings.ts'

export const handover: Readonly<Record<string, Lowering>> = {
  feed: () => NOTHING,
  fetch: () => NOTHING,
}
