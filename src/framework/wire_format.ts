/** What protobuf's encoding calls wire types: how long the value behind a tag is. Groups (3 and 4) are neither read nor written. */
export const WireType = { Varint: 0, Bit64: 1, LengthDelimited: 2, StartGroup: 3, EndGroup: 4, Bit32: 5 } as const
export type WireType = (typeof WireType)[keyof typeof WireType]
