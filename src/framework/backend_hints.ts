/**
 * Attributes that Paddle keeps for back ends and services that are not here. They have no effect on a result, need not be written and are
 * not compared; an operator that is appended may carry them all the same, with the type that Paddle 2.6.2 declares.
 */
import { UnimplementedError } from '../errors.ts'
import type { AttrType, AttrValue } from './attr_value.ts'

const HINTS: Readonly<Partial<Record<AttrType, string>>> = {
  BOOLEAN:
    'use_mkldnn use_quantizer use_cudnn force_fp32_output exhaustive_search use_addto deterministic force_cpu is_distributed remote_prefetch',
  INT: 'workspace_size_MB place_type slot trainer_id',
  FLOAT: 'Scale_x Scale_y Scale_out Scale_in Scale_in_eltwise scale_x scale_y scale_out scale_in fuse_alpha fuse_beta',
  FLOATS: 'Scale_weights',
  STRING: 'mkldnn_data_type rng_name x_data_format y_data_format fuse_activation',
  STRINGS: 'skip_eager_deletion_vars epmap table_names',
  LONGS: 'height_sections',
}

const typeOf: ReadonlyMap<string, AttrType> = new Map(
  (Object.entries(HINTS) as [AttrType, string][]).flatMap(([type, names]) =>
    names.split(' ').map((name): [string, AttrType] => [name, type]),
  ),
)

/** True for an attribute that is a hint for another back end, `fuse_*` among them. */
export const isBackendHint = (attr: string): boolean => typeOf.has(attr) || attr.startsWith('fuse_')

/** The type of a hint; undefined for an attribute that is none. The `scale_y` of `mul` is a list, those of other operators are numbers. */
export function hintType(attr: string, value: unknown): AttrType | undefined {
  const type = typeOf.get(attr) ?? (attr.startsWith('fuse_') ? 'BOOLEAN' : undefined)
  return type === 'FLOAT' && Array.isArray(value) ? 'FLOATS' : type
}

/**
 * Passes of other back ends write into an operator that a second one is fused into it: `fuse_relu`, `fuse_with_relu`, `fuse_activation` …
 * set to true or to a name. Such an operator computes something else than its type says. The attribute that says so, if there is one.
 */
export function fusedAttr(attrs: Readonly<Record<string, AttrValue>>): string | undefined {
  for (const name in attrs) {
    const value = attrs[name]
    if (name.startsWith('fuse_') && (value === true || (typeof value === 'string' && value !== ''))) return name
  }
  return undefined
}

/** @throws UnimplementedError E410 naming the attribute of an operator into which another one is fused. */
export function refuseFused(opType: string, attrs: Readonly<Record<string, AttrValue>>): void {
  const name = fusedAttr(attrs)
  if (name === undefined) return
  const value = attrs[name]
  throw new UnimplementedError(
    'E410',
    `${opType}: attr ${name} is ${JSON.stringify(value)}: another operator is fused into it`,
    {
      expected: value === true ? false : '',
      got: value,
      hint: 'use the program as it was before passes for another back end changed it',
    },
  )
}
