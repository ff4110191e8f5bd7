/**
 * What must not compile. Never run: `npm run types` compiles it, and a line that wrongly compiles makes its `@ts-expect-error` an error.
 * The functions are called by nobody; what they say of values does not matter.
 */
import {
  attr,
  build,
  callOp,
  defineOp,
  input,
  many,
  nn,
  one,
  ops,
  optional,
  type Tensor,
  type Variable,
} from '../../src/index.ts'

export function operators(x: Variable): void {
  callOp(ops.relu, { X: x }, {})
  // @ts-expect-error there is no operator of this name
  callOp(ops.rellu, { X: x }, {})
  // @ts-expect-error a name is no definition
  callOp('relu', { X: x }, {})
}

export function slots(x: Variable, y: Tensor): void {
  callOp(ops.elementwise_add, { X: x, Y: x }, {})
  // @ts-expect-error there is no slot Z
  callOp(ops.elementwise_add, { X: x, Z: x }, {})
  // @ts-expect-error Y is missing
  callOp(ops.elementwise_add, { X: x }, {})
  // @ts-expect-error a slot beside the declared ones
  callOp(ops.relu, { X: x, Y: x }, {})
  // @ts-expect-error slots hold variables or tensors, not names
  callOp(ops.relu, { X: 'x' }, {})
  // @ts-expect-error nor numbers
  callOp(ops.relu, { X: 1 }, {})
  // @ts-expect-error a mandatory slot cannot be undefined
  callOp(ops.relu, { X: undefined }, {})
  callOp(ops.relu, { X: y }, {})
}

export function arity(x: Variable): void {
  callOp(ops.concat, { X: [x, x] }, { axis: 0 })
  // @ts-expect-error X of concat takes a list
  callOp(ops.concat, { X: x }, { axis: 0 })
  // @ts-expect-error X of relu takes one
  callOp(ops.relu, { X: [x] }, {})
  callOp(ops.dropout, { X: x, Seed: undefined }, {})
  callOp(ops.dropout, { X: x }, {})
  // @ts-expect-error an optional slot takes one at most
  callOp(ops.dropout, { X: x, Seed: [x] }, {})
}

export function attributes(x: Variable): void {
  callOp(ops.softmax, { X: x }, {})
  callOp(ops.softmax, { X: x }, { axis: 1 })
  // @ts-expect-error there is no attribute of this name
  callOp(ops.softmax, { X: x }, { axes: 1 })
  // @ts-expect-error axis is a number
  callOp(ops.softmax, { X: x }, { axis: '1' })
  // @ts-expect-error nor a list
  callOp(ops.softmax, { X: x }, { axis: [1] })
  // @ts-expect-error trans_x is true or false
  callOp(ops.matmul_v2, { X: x, Y: x }, { trans_x: 1 })
  // @ts-expect-error axis of transpose2 is a list of numbers
  callOp(ops.transpose2, { X: x }, { axis: ['0'] })
  // @ts-expect-error there is no element type of this name
  callOp(ops.cast, { X: x }, { in_dtype: 'float32', out_dtype: 'float31' })
}

export function requiredAttributes(x: Variable): void {
  callOp(ops.transpose2, { X: x }, { axis: [1, 0] })
  // @ts-expect-error axis has no default
  callOp(ops.transpose2, { X: x }, {})
  // @ts-expect-error attributes are given, if only as {}
  callOp(ops.relu, { X: x })
  // @ts-expect-error out_dtype has no default
  callOp(ops.cast, { X: x }, { in_dtype: 'float32' })
}

export function outputs(x: Variable, y: Tensor): void {
  const { Out, Mask } = callOp(ops.dropout, { X: x }, {})
  const variables: Variable[] = [Out, Mask]
  // @ts-expect-error relu has no output of this name
  callOp(ops.relu, { X: x }, {}).Mask
  // @ts-expect-error in static mode the output is a variable
  const wrong: Tensor = callOp(ops.relu, { X: x }, {}).Out
  // @ts-expect-error in dygraph it is a tensor
  const other: Variable = callOp(ops.relu, { X: y }, {}).Out
  // @ts-expect-error a single output is no list
  for (const item of callOp(ops.relu, { X: x }, {}).Out) variables.push(item)
  // @ts-expect-error an output given in place must be one of the operator's
  callOp(ops.scale, { X: x }, {}, { outputs: { Y: x } })
  callOp(ops.scale, { X: x }, {}, { outputs: { Out: x } })
  variables.push(wrong as never, other)
}

export function outputsAreReadonly(x: Variable): void {
  const made = callOp(ops.relu, { X: x }, {})
  // @ts-expect-error what an operator made cannot be exchanged
  made.Out = x
}

export function building(): void {
  build(() => nn.functional.relu(input('x', [null, 2])))
  // @ts-expect-error while a callback waits, other code would append to the same program
  build(async () => input('x', [null, 2]))
  // @ts-expect-error a promise by any other way
  build(() => Promise.resolve(1))
  // @ts-expect-error a name comes first
  input([null, 2])
  // @ts-expect-error there is no element type of this name
  input('x', [null, 2], 'float')
  const { out } = build(() => ({ a: 1, b: 'text' }))
  const a: number = out.a
  // @ts-expect-error what the callback returned keeps its type
  const b: number = out.b
  Math.max(a, b)
}

export function definitions(): void {
  const swish = defineOp({
    type: 'my_swish',
    doc: 'x sigmoid(beta x).',
    source: 'test/types/callop.ts',
    inputs: { X: one('x'), Extra: optional('unused'), Rest: many('unused') },
    outputs: { Out: one('y') },
    attrs: { beta: attr.float(1), gamma: attr.float() },
    inferMeta: ({ X }) => ({ Out: X }),
    grad: 'none',
    kernels: {
      cpu({ X, Extra, Rest }, { beta }, { Out }) {
        Out.data[0] = X.data[0]! * beta + (Extra?.data[0] ?? 0) + Rest.length
        // @ts-expect-error an optional input may be absent
        Extra.data
        // @ts-expect-error a list is no tensor
        Rest.data
        // @ts-expect-error there is no input of this name
        X.data[0] = beta.Y
      },
    },
  })
  const x = input('x', [1])
  callOp(swish, { X: x, Rest: [] }, { gamma: 2 })
  // @ts-expect-error gamma has no default
  callOp(swish, { X: x, Rest: [] }, { beta: 2 })
  // @ts-expect-error Rest is a list that must be given, if only as []
  callOp(swish, { X: x }, { gamma: 2 })
  const members = {
    type: 'a',
    doc: 'a',
    source: 'a',
    inputs: { X: one('x') },
    outputs: { Out: one('y') },
    attrs: {},
  } as const
  // @ts-expect-error grad is forgotten
  defineOp({ ...members, inferMeta: ({ X }) => ({ Out: X }), kernels: {} })
  // @ts-expect-error kernels are forgotten
  defineOp({ ...members, inferMeta: ({ X }) => ({ Out: X }), grad: 'none' })
  // @ts-expect-error inference gives no Out
  defineOp({ ...members, inferMeta: ({ X }) => ({ Y: X }), grad: 'none', kernels: {} })
  // @ts-expect-error no output of this name can lie in place
  defineOp({ ...members, inferMeta: ({ X }) => ({ Out: X }), grad: 'none', inplace: { Y: 'X' }, kernels: {} })
  // @ts-expect-error nor over an input of this name
  defineOp({ ...members, inferMeta: ({ X }) => ({ Out: X }), grad: 'none', inplace: { Out: 'Z' }, kernels: {} })
}
