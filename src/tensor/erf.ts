/**
 * The error function in double precision, by rational approximations for |x| up to 0.5, up to 4 and beyond.
 * Source: W. J. Cody, Rational Chebyshev approximations for the error function, Mathematics of Computation 23 (1969).
 */

const SQRT_PI_INVERSE = 0.5641895835477563

/** erf(x) = 2/sqrt(pi) times the integral of exp(-t * t) from 0 to x; within two units of the last place. */
export function erf(x: number): number {
  if (Math.abs(x) > 0.5) return x < 0 ? erfc(-x) - 1 : 1 - erfc(x)
  const z = x * x
  const above =
    (((0.18577770618460315 * z + 3.1611237438705655) * z + 113.86415415105016) * z + 377.485237685302) * z +
    3209.3775891384694
  const below = (((z + 23.601290952344122) * z + 244.02463793444417) * z + 1282.6165260773723) * z + 2844.236833439171
  return (x * above) / below
}

/** 1 - erf(x), exact to the last places also where it is small. */
export function erfc(x: number): number {
  if (Math.abs(x) <= 0.5) return 1 - erf(x)
  if (x < 0) return 2 - erfc(-x)
  if (x > 27) return 0
  // exp(-x * x) with the square split in two: a rounded square would cost digits.
  const head = Math.trunc(x * 16) / 16
  const gauss = Math.exp(-head * head) * Math.exp(-(x - head) * (x + head))
  return gauss * (x <= 4 ? middle(x) : tail(x))
}

/** exp(x * x) erfc(x) for 0.5 < x <= 4. NaN comes here and stays. */
function middle(x: number): number {
  let above = 2.1531153547440383e-8 * x + 0.5641884969886701
  above = above * x + 8.883149794388377
  above = above * x + 66.11919063714163
  above = above * x + 298.6351381974001
  above = above * x + 881.952221241769
  above = above * x + 1712.0476126340707
  above = above * x + 2051.0783778260716
  above = above * x + 1230.3393547979972
  let below = x + 15.744926110709835
  below = below * x + 117.6939508913125
  below = below * x + 537.1811018620099
  below = below * x + 1621.3895745666903
  below = below * x + 3290.7992357334597
  below = below * x + 4362.619090143247
  below = below * x + 3439.3676741437216
  below = below * x + 1230.3393548037495
  return above / below
}

/** exp(x * x) erfc(x) for x > 4. */
function tail(x: number): number {
  const z = 1 / (x * x)
  let above = 0.016315387137302097 * z + 0.30532663496123236
  above = above * z + 0.36034489994980445
  above = above * z + 0.12578172611122926
  above = above * z + 0.016083785148742275
  above = above * z + 0.0006587491615298378
  let below = z + 2.568520192289822
  below = below * z + 1.8729528499234604
  below = below * z + 0.5279051029514285
  below = below * z + 0.06051834131244132
  below = below * z + 0.0023352049762686918
  return (SQRT_PI_INVERSE - (z * above) / below) / x
}
