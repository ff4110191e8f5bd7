/** Products over dimensions. Source: paddle/phi/kernels/funcs/reduce_functor.h (2.6.2). */
import type { KernelTensor } from '../../framework/op_def.ts'
import { NUMBERS } from '../../tensor/dtype.ts'
import { eachRun } from './layout.ts'
import { reduction } from './reduce.ts'

/** A product of two int32 has more digits than float64 holds, so it is taken modulo 2^32 at each step. */
function int32Products({ data: x, shape }: KernelTensor, out: Int32Array, reduced: readonly boolean[]): void {
  out.fill(1)
  eachRun(shape, reduced, (start, count, to, step) => {
    for (let i = 0; i < count; i++) out[to + i * step] = Math.imul(out[to + i * step]!, x[start + i]!)
  })
}

export const [reduceProd, reduceProdGrad] = reduction('reduce_prod', {
  doc: 'The product over the dimensions `dim`; out_dtype has no effect. The gradient is dOut * Out / X, NaN where X is 0.',
  differs: 'The product of no elements is 1, where Paddle refuses an X of size 0.',
  dtypes: NUMBERS,
  outDType: (x) => x,
  converts: false,
  ofNothing: true,
  forward(x, out, reduced) {
    if (out.data instanceof Int32Array) return int32Products(x, out.data, reduced)
    const { data } = x
    const total = new Float64Array(out.data.length).fill(1)
    eachRun(x.shape, reduced, (start, count, to, step) => {
      if (step === 0) {
        let product = total[to]!
        for (let i = start; i < start + count; i++) product *= data[i]!
        total[to] = product
      } else for (let i = 0; i < count; i++) total[to + i]! *= data[start + i]!
    })
    out.data.set(total)
  },
  int64(x, out, reduced) {
    const data = x.data as BigInt64Array
    const total = (out.data as BigInt64Array).fill(1n)
    eachRun(x.shape, reduced, (start, count, to, step) => {
      for (let i = 0; i < count; i++) total[to + i * step]! *= data[start + i]!
    })
  },
  readsOut: true,
  backward({ data: x, shape }, out, { data: dout }, { data: dx }, reduced) {
    const products = out!.data
    eachRun(shape, reduced, (start, count, from, step) => {
      for (let i = 0; i < count; i++) {
        const k = from + i * step
        dx[start + i] = (dout[k]! * products[k]!) / x[start + i]!
      }
    })
  },
})
