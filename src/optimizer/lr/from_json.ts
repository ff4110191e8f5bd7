/** Schedules from plain data, as `toJSON` gives it and as a program file carries it. */
import { InvalidArgumentError, suggest } from '../../errors.ts'
import { CyclicalCosineDecay } from '../ocr/cyclical_cosine.ts'
import { CosineAnnealingDecay, CosineAnnealingWarmRestarts } from './cosine.ts'
import { CyclicLR } from './cyclic_lr.ts'
import { ExponentialDecay, InverseTimeDecay, NaturalExpDecay } from './exponential.ts'
import { LinearLR } from './linear_lr.ts'
import { LinearWarmup } from './linear_warmup.ts'
import { NoamDecay } from './noam_decay.ts'
import { OneCycleLR } from './one_cycle_lr.ts'
import { PolynomialDecay } from './polynomial_decay.ts'
import { ReduceOnPlateau } from './reduce_on_plateau.ts'
import type { LRScheduler, SchedulerState } from './scheduler.ts'
import { MultiStepDecay, PiecewiseDecay, StepDecay } from './steps.ts'

/** All but LambdaDecay and MultiplicativeDecay, which are made with a function. */
const CLASSES = {
  CosineAnnealingDecay,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  CyclicalCosineDecay,
  ExponentialDecay,
  InverseTimeDecay,
  LinearLR,
  LinearWarmup,
  MultiStepDecay,
  NaturalExpDecay,
  NoamDecay,
  OneCycleLR,
  PiecewiseDecay,
  PolynomialDecay,
  ReduceOnPlateau,
  StepDecay,
} as const

/** Members that are no options of the class. `var` is the variable that a program's schedule writes; `verbose` has no meaning here. */
const OTHERS: readonly string[] = ['type', 'state', 'var', 'last_epoch', 'verbose']

const IN_CODE = 'make the schedule in code, and attachScheduler(program, scheduler)'

/**
 * The schedule that `json` describes, in the epoch of its `state` if it has one.
 * @throws InvalidArgumentError E318 for a type that is not known or that is made with a function, and for members that it does not have;
 * E315 for bad options; NotFoundError E317 for a bad state.
 */
export function fromJSON(json: unknown): LRScheduler {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new InvalidArgumentError('E318', `a schedule is an object with a type, got ${JSON.stringify(json)}`, {
      expected: '{ "type": …, options }',
      got: json,
    })
  }
  const { type, state } = json as { readonly type?: unknown; readonly state?: SchedulerState }
  if (typeof type !== 'string' || !Object.hasOwn(CLASSES, type)) {
    const known = Object.keys(CLASSES)
    const hint = typeof type === 'string' ? suggest(type, known) : undefined
    throw new InvalidArgumentError('E318', `no schedule of type ${JSON.stringify(type)} can be made from data`, {
      expected: known,
      got: type,
      hint: hint ?? IN_CODE,
    })
  }
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(json)) {
    if (isObject(value) && 'function' in value) {
      throw new InvalidArgumentError('E318', `${type}: ${name} is a function, which data cannot hold`, {
        got: value,
        hint: IN_CODE,
      })
    }
    const isNested = type === 'LinearWarmup' && name === 'learning_rate' && isObject(value)
    options[camelCase(name)] = isNested ? fromJSON(value) : value
  }
  const Class = CLASSES[type as keyof typeof CLASSES] as new (options: object) => LRScheduler
  const made = new Class(options)
  const known = [...Object.keys(made.options()), ...OTHERS]
  const unknown = Object.keys(json).find((name) => !known.includes(name) && !/^(\$|x_)/.test(name))
  if (unknown !== undefined && !(type === 'CyclicLR' && unknown === 'scale_fn')) {
    const hint = suggest(unknown, known)
    throw new InvalidArgumentError('E318', `${type} has no option ${unknown}`, {
      expected: Object.keys(made.options()),
      got: unknown,
      hint,
    })
  }
  if (state !== undefined) made.setStateDict(state)
  return made
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** `learning_rate` → `learningRate`, `T_max` → `TMax`, `T_0` → `T0`. */
const camelCase = (name: string): string => name.replace(/_([a-z0-9])/g, (_, next: string) => next.toUpperCase())
