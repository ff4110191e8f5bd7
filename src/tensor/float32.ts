/**
 * float32 values as text: the shortest decimal that reads back as the same float32, as NumPy prints and as program files hold FLOAT
 * attributes.
 */

const SMALLEST_NORMAL = 1.1754943508222875e-38

/** The double whose shortest text is the shortest decimal that rounds to the float32 `x`. `x` must be a float32 value; others are rounded first. */
export function shortestFloat32(x: number): number {
  const value = Math.fround(x)
  if (!Number.isFinite(value) || Number.isInteger(value)) {
    // Whole numbers up to 2^24 are their own shortest text; larger ones have shorter decimals.
    if (!Number.isFinite(value) || Math.abs(value) <= 16777216) return value
  }
  // Six digits find every shorter text as well: a normal float32 is known to better than half a unit of the seventh digit.
  for (let digits = Math.abs(value) < SMALLEST_NORMAL ? 1 : 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return Number(value.toPrecision(9))
}
