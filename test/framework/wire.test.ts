/** The wire format against @bufbuild/protobuf, another implementation of it. */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WireType } from '../../src/framework/wire_format.ts'
import { WireReader } from '../../src/framework/wire_reader.ts'
import { WireWriter } from '../../src/framework/wire_writer.ts'

/** One field, as both writers take it. */
type Field =
  | { readonly kind: 'int64'; readonly value: bigint }
  | { readonly kind: 'int32'; readonly value: number }
  | { readonly kind: 'float' | 'double'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'message'; readonly value: readonly Field[] }

const number = fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 2 ** -149, 2 ** -1074))
const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  // Where the number of bytes changes.
  fc
    .tuple(fc.integer({ min: 0, max: 62 }), fc.constantFrom(-1n, 0n, 1n), fc.constantFrom(1n, -1n))
    .map(([bits, near, sign]) => sign * (2n ** BigInt(bits) + near)),
)
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 200 }),
)
const { fields } = fc.letrec<{ fields: readonly Field[] }>((tie) => ({
  fields: fc.array(
    fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof(
        int64.map((value): Field => ({ kind: 'int64', value })),
        fc.integer().map((value): Field => ({ kind: 'int32', value })),
        number.map((value): Field => ({ kind: 'float', value: Math.fround(value) })),
        number.map((value): Field => ({ kind: 'double', value })),
        text.map((value): Field => ({ kind: 'string', value })),
        fc.uint8Array({ maxLength: 20_000 }).map((value): Field => ({ kind: 'bytes', value })),
      ),
      tie('fields').map((value): Field => ({ kind: 'message', value })),
    ),
    { maxLength: 8 },
  ),
}))

const WIRE: Readonly<Record<Field['kind'], WireType>> = {
  int64: WireType.Varint,
  int32: WireType.Varint,
  float: WireType.Bit32,
  double: WireType.Bit64,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
  message: WireType.LengthDelimited,
}

/** The fields of a message, numbered from 1 but for a large number in front of each third. */
function write(w: WireWriter | BinaryWriter, message: readonly Field[]): void {
  message.forEach((field, i) => {
    w.tag(i % 3 === 2 ? 2 ** 29 - 1 - i : i + 1, WIRE[field.kind])
    if (field.kind === 'message') {
      w.fork()
      write(w, field.value)
      w.join()
      // Both writers have a method of that name for each kind.
    } else (w[field.kind] as (value: unknown) => unknown).call(w, field.value)
  })
}

function bytesOf(w: WireWriter | BinaryWriter, message: readonly Field[]): Uint8Array {
  write(w, message)
  return w.finish()
}

test('the writer gives the bytes of @bufbuild/protobuf', () => {
  fc.assert(
    fc.property(fields, (message) => {
      expect(bytesOf(new WireWriter(), message)).toEqual(bytesOf(new BinaryWriter(), message))
    }),
    { numRuns: 500 },
  )
})

test('whole numbers given as numbers and as bigints are the same bytes', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const bytes = new WireWriter().int64(value).finish()
      expect(bytes).toEqual(new WireWriter().int64(BigInt(value)).finish())
      expect(BigInt(new BinaryReader(bytes).int64())).toBe(BigInt(value))
    }),
  )
})

test('the reader gives back what @bufbuild/protobuf wrote', () => {
  fc.assert(
    fc.property(fields, (message) => {
      const reader = new WireReader(bytesOf(new BinaryWriter(), message))
      expectFields(reader, message)
    }),
    { numRuns: 500 },
  )
})

function expectFields(reader: WireReader, message: readonly Field[]): void {
  let i = 0
  reader.fields(
    (number) => {
      expect(number).toBe(i % 3 === 2 ? 2 ** 29 - 1 - i : i + 1)
      const field = message[i++]!
      if (field.kind === 'message') reader.message(() => expectFields(reader, field.value))
      else if (field.kind === 'int64') expect(BigInt(reader.int64())).toBe(field.value)
      else if (field.kind === 'bytes') expect(reader.rawBytes()).toEqual(field.value)
      else expect(reader[field.kind]()).toBe(field.value)
      return true
    },
    () => expect.fail('every field was taken'),
  )
  expect(i).toBe(message.length)
}
