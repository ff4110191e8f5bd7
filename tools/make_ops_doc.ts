/**
 * Writes the operator reference from the definitions: docs/ops.md (slots, attributes, element types, gradient, source) and
 * docs/differences.md (where an operator knowingly differs from Paddle 2.6.2). Nothing in them is written by hand.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Attr } from '../src/framework/attr_value.ts'
import type { AnyOpDef, Slot } from '../src/framework/op_def.ts'
import { formatAttrValue } from '../src/framework/op_text.ts'
import { ops } from '../src/ops/index.ts'
import { TRAINING_DIFFERENCES } from '../src/optimizer/differences.ts'
import type { DType } from '../src/tensor/dtype.ts'
import { ALL, FLOATS, INDEXES, INTEGERS, NUMBERS, REALS } from '../src/tensor/dtype.ts'

const PROTOS = new URL('../test/golden/op_protos.json.gz', import.meta.url)

/** Operator types that Paddle 2.6.2 declares. */
const declared = Object.keys(
  (JSON.parse(gunzipSync(readFileSync(PROTOS)).toString()) as { readonly ops: Readonly<Record<string, unknown>> }).ops,
)

/** Parts of Paddle that are no operators of models, by how their types look. Only the headings of a list depend on it. */
const KINDS: readonly (readonly [title: string, pattern: RegExp])[] = [
  [
    'for several machines or parameter servers',
    /^(c_|mp_|p_(send|recv)|partial_(all|recv|send)|send|recv|barrier|all_|alltoall|broadcast$|reduce$|reduce_scatter|dist|distributed|fetch_barrier|listen_and_serv|heter|global_(gather|scatter)|push_|pull_|.*comm|gen_|limit_by|prune_gate|random_routing|assign_pos|number_count|moe|queue|enqueue|dequeue|copy_cross|nop|fake_init|check_memory|get_places|graph_)/,
  ],
  [
    'of one other device alone',
    /xpu|npu|cudnn_lstm|onednn|flash_attn|memory_efficient|masked_multihead|block_multihead|fused_dconv|fused_scale|cutlass/,
  ],
  ['on sparse tensors in their own layout', /^sparse_/],
  ['primitives, which no saved program has', /_p$/],
  [
    'on sequences of different lengths (LoD)',
    /^(sequence_|lod_|.*lod|im2sequence|reorder_|shrink_rnn|max_sequence|array_to|tensor_array|fusion_seq|var_conv|match_matrix|chunk_eval|edit_distance|ctc_align|row_conv|linear_chain|crf|beam_search|gather_tree|merge_lod|split_lod)/,
  ],
  ['quantization', /quant/],
]

const table = Object.entries(ops) as [string, AnyOpDef][]
const isGradient = (type: string): boolean => /_grad2?$/.test(type)
const forward = table.filter(([type]) => !isGradient(type)).sort(([a], [b]) => (a < b ? -1 : 1))
const gradients = table.filter(([type]) => isGradient(type)).sort(([a], [b]) => (a < b ? -1 : 1))

/** The two pages, by path from the project's root. */
export function opsPages(): Record<string, string> {
  return { 'docs/ops.md': opsPage(), 'docs/differences.md': differencesPage() }
}

function opsPage(): string {
  const lines = [
    '# Operators',
    '',
    'Made from `src/ops` and `src/optimizer/differences.ts` by `npm run generate`; do not edit. `oarlock ops NAME` prints one of them.',
    '',
    `${forward.length} operators and ${gradients.length} gradient operators, of the ${declared.length} that Paddle 2.6.2 declares ([those that are missing](#not-supported)). A program that holds others is read, printed,`,
    'compared and written back unchanged; running it is an UnimplementedError that lists them all before the first operator runs.',
    '',
    'float16 and bfloat16 are computed in float32 and rounded once, unless an operator says otherwise. Element types are those of the first input.',
    '',
    forward.map(([type]) => `[${type}](#${type})`).join(' · '),
    '',
  ]
  for (const [type, def] of forward) lines.push(...section(type, def))
  lines.push('## Gradient operators', '', '| operator | reads | writes |', '|---|---|---|')
  for (const [type, def] of gradients) {
    lines.push(`| ${type} | ${Object.keys(def.inputs).join(', ')} | ${Object.keys(def.outputs).join(', ')} |`)
  }
  lines.push('', '## Not supported', '', ...missing())
  return `${lines.join('\n')}\n`
}

/** The operators of Paddle that are not in the table, all of them, in lists. */
function missing(): string[] {
  const rest = new Set(declared.filter((type) => !Object.hasOwn(ops, type)))
  const count = rest.size
  const lists = KINDS.map(([title, pattern]): [string, string[]] => {
    const list = [...rest].filter((type) => pattern.test(type))
    for (const type of list) rest.delete(type)
    return [title, list]
  })
  return [
    `${count} of the ${declared.length} operators of Paddle 2.6.2 have no kernel here; gradient operators are not counted.`,
    ...[['of other kinds', [...rest]] as const, ...lists].flatMap(([title, list]) => [
      '',
      `**${title}** (${list.length}): ${[...list].sort().join(', ')}.`,
    ]),
  ]
}

function section(type: string, def: AnyOpDef): string[] {
  const lines = [`## ${type}`, '', def.doc, '', '| slot | takes | |', '|---|---|---|']
  for (const [slot, { arity, doc }] of Object.entries(def.inputs) as [string, Slot][])
    lines.push(`| ${slot} | ${takes(arity)} | ${cell(doc)} |`)
  for (const [slot, { arity, doc }] of Object.entries(def.outputs) as [string, Slot][])
    lines.push(`| → ${slot} | ${takes(arity)} | ${cell(doc)} |`)
  lines.push('')
  const attrs = Object.entries(def.attrs) as [string, Attr][]
  if (attrs.length > 0) {
    lines.push('| attribute | type | default | |', '|---|---|---|---|')
    for (const [name, attr] of attrs) {
      const value = attr.required ? 'must be given' : formatAttrValue(attr.default, attr.type)
      lines.push(
        `| ${name} | ${attr.type}${attr.meaning === undefined ? '' : ` (${attr.meaning})`} | ${cell(value)} | ${cell(attr.doc)} |`,
      )
    }
    lines.push('')
  }
  const constrained = Object.values(def.inputs as Record<string, Slot>).find((slot) => slot.dtypes !== undefined)
  if (constrained?.dtypes !== undefined) lines.push(`Element types: ${dtypeList(constrained.dtypes)}.`)
  lines.push(`Gradient: ${gradientText(def)}. Source: ${def.source}.`)
  if (def.differs !== undefined) lines.push('', `Differs from Paddle: ${def.differs}`)
  lines.push('')
  return lines
}

const takes = (arity: string): string => ({ one: 'one', optional: 'one or none', many: 'a list' })[arity] ?? arity
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function gradientText(def: AnyOpDef): string {
  if (def.grad === 'none') return 'none'
  return def.grad === 'unregistered' ? 'not registered' : 'yes'
}

const NAMED: readonly (readonly [readonly DType[], string])[] = [
  [ALL, 'all but complex'],
  [REALS, 'all numbers'],
  [NUMBERS, 'floating point, int32, int64'],
  [FLOATS, 'floating point'],
  [INTEGERS, 'integers'],
  [INDEXES, 'int32, int64'],
]

const dtypeList = (dtypes: readonly DType[]): string =>
  NAMED.find(([list]) => list.length === dtypes.length && list.every((dtype) => dtypes.includes(dtype)))?.[1] ??
  dtypes.join(', ')

function differencesPage(): string {
  const lines = [
    '# Known differences from Paddle 2.6.2',
    '',
    'Made from the definitions in `src/ops` by `npm run generate`; do not edit. Where Paddle is wrong, reads outside its memory or crashes, the',
    'correct value or a typed error is given; where its choice is merely unexpected, it is followed.',
    '',
    '| operator | difference |',
    '|---|---|',
  ]
  for (const [type, def] of [...forward, ...gradients]) {
    if (def.differs !== undefined) lines.push(`| ${type} | ${cell(def.differs)} |`)
  }
  lines.push('', '| training | difference |', '|---|---|')
  for (const { subject, difference } of TRAINING_DIFFERENCES) lines.push(`| ${subject} | ${cell(difference)} |`)
  return `${lines.join('\n')}\n`
}
