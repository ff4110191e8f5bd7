/**
 * Operators without what they compute: slots and attributes, which is what reading, writing, printing and checking a program ask of them.
 * Here is how the lines of `signature_table.ts` are read; `tools/make_signatures.ts` writes them, from the definitions.
 */
import { type Attr, type AttrType, type AttrValue, PARSERS, parseDTypeAttr } from '../framework/attr_value.ts'
import { extraAttrs } from '../framework/extra_attrs.ts'
import { type AnyOpDef, type Arity, GRAD_SUFFIX, type OpLibrary, type Slots } from '../framework/op_def.ts'
import { ATTR_TYPES } from '../framework/program_schema.ts'

/** The letters in front of attributes, in the order of framework.proto's AttrType. */
export const ATTR_LETTERS = 'ifsIFSbBklKLDvVdcC'
/** In front of an INT that means an element type. */
export const DTYPE_LETTER = 't'

export const ARITY_MARKS: Readonly<Record<string, Arity>> = { '': 'one', '?': 'optional', '*': 'many' }
/** Marks an output that `clone({ forTest: true })` takes off. */
export const DROPPED_MARK = '!'
/** Stands for `@GRAD` in the table. */
export const GRAD_MARK = "'"

/** Definitions without inference, gradient and kernels, for the lines of a table. A line is described in `tools/make_signatures.ts`. */
export function readSignatures(table: string): OpLibrary {
  const library: Record<string, AnyOpDef> = {}
  for (const line of table.trim().split('\n')) {
    const [types = '', inputs = '', outputs = '', attrs = '', gradInputs, gradOutputs = '', gradAttrs = attrs] =
      line.split('|')
    for (const type of types.split(' ')) {
      library[type] = signature(type, inputs, outputs, attrs)
      if (gradInputs !== undefined) {
        const gradType = `${type}_grad`
        const read = readGradSlots(gradInputs, inputs, outputs)
        const written = gradOutputs === '-' ? gradsOf(inputs) : gradOutputs
        library[gradType] = signature(gradType, read, written, gradAttrs)
      }
    }
  }
  return library
}

/** `+` stands for all inputs of the operator that the gradient is of, `=` for all outputs. */
export const readGradSlots = (text: string, inputs: string, outputs: string): string =>
  text.replace('+', inputs).replace('=', outputs)

/** The gradients of these inputs, none of which need be wanted. */
export const gradsOf = (inputs: string): string =>
  inputs.replace(/(\w)[?]?(?= |$)/g, `$1${GRAD_MARK}?`).replace(/\*/g, `${GRAD_MARK}*`)

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '')

function signature(type: string, inputs: string, outputs: string, attrs: string): AnyOpDef {
  const dropInTest: string[] = []
  const extra = extraAttrs(type)
  return {
    type,
    doc: '',
    source: '',
    inputs: readSlots(inputs, dropInTest),
    outputs: readSlots(outputs, dropInTest),
    attrs: Object.fromEntries(words(attrs).map((text) => readAttr(text, extra))),
    inferMeta: () => ({}),
    grad: 'unregistered',
    ...(dropInTest.length === 0 ? {} : { dropInTest }),
    kernels: {},
  }
}

function readSlots(text: string, dropInTest: string[]): Slots {
  return Object.fromEntries(
    words(text).map((word) => {
      const [, short = '', arity = '', dropped] = /^(.*?)([?*]?)(!?)$/.exec(word) ?? []
      const name = short.replaceAll(GRAD_MARK, GRAD_SUFFIX)
      if (dropped === DROPPED_MARK) dropInTest.push(name)
      return [name, { arity: ARITY_MARKS[arity]!, doc: '', dtypes: undefined }]
    }),
  )
}

/** `fbeta1=0.9`: a letter, the name and the default, which is left out where it is zero or empty; `!` marks one that must be given. */
function readAttr(text: string, extraNames: ReadonlySet<string>): [string, Attr<AttrValue>] {
  const [, letter = '', name = '', required, value = ''] = /^(.)(\w+)(?:(!)|=(.*))?$/.exec(text) ?? []
  const isDType = letter === DTYPE_LETTER
  const type = isDType ? 'INT' : ATTR_TYPES[ATTR_LETTERS.indexOf(letter)]!
  const parse = isDType ? parseDTypeAttr : PARSERS[type]
  const parsed =
    required === undefined ? parse(isDType && value !== '-1' ? value : readDefault(type, value)) : undefined
  return [
    name,
    {
      type,
      required: parsed === undefined,
      default: parsed !== undefined && 'value' in parsed ? parsed.value : undefined,
      doc: '',
      extra: extraNames.has(name),
      ...(isDType ? { meaning: 'dtype' } : {}),
      parse,
    },
  ]
}

const readDefault = (type: AttrType, text: string): unknown =>
  type === 'STRING' ? text : text !== '' ? JSON.parse(text) : type.endsWith('S') ? [] : 0
