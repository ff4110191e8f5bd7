/**
 * Names of gradient variables: `x@GRAD`, `grad/x@GRAD` in a second backward pass, `x@GRAD@RENAME@block0@1` for a partial gradient.
 * Source: python/paddle/base/backward.py, _strip_grad_suffix_ (2.6.2).
 */
import { GRAD_SUFFIX } from '../op_def.ts'

export const gradName = (name: string): string => name + GRAD_SUFFIX

export const isGradName = (name: string): boolean => name.includes(GRAD_SUFFIX)

/** The forward variable that a gradient name belongs to: `grad/grad/z@GRAD@RENAME@block0@1@GRAD` gives `z`. */
export function stripGradSuffix(name: string): string {
  let end = name.indexOf(`${GRAD_SUFFIX}@`)
  if (end < 0 && name.endsWith(GRAD_SUFFIX)) end = name.length - GRAD_SUFFIX.length
  const stem = end < 0 ? name : name.slice(0, end)
  const prefix = stem.lastIndexOf('grad/')
  return prefix < 0 ? stem : stem.slice(prefix + 'grad/'.length)
}
