/** Student's t distribution, in double precision. */

/** P(T <= t) with `freedom` degrees of freedom, by the incomplete beta function: P(|T| > t) = I_x(v/2, 1/2), x = v / (v + t^2). */
export const studentCdf = (t: number, freedom: number): number => {
  const tail = incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2
  return t > 0 ? 1 - tail : tail
}

/** The t with P(T <= t) = `probability`, by bisection; `probability` in (0, 1). */
export const studentQuantile = (probability: number, freedom: number): number => {
  if (probability < 0.5) return -studentQuantile(1 - probability, freedom)
  let low = 0
  let high = 1
  while (studentCdf(high, freedom) < probability) high *= 2
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2
    if (studentCdf(middle, freedom) < probability) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/**
 * I_x(a, b), the regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun 26.5.8, evaluated
 * as Lentz 1976), from the side where that converges fast.
 */
const incompleteBeta = (x: number, a: number, b: number): number => {
  if (x <= 0) return 0
  if (x >= 1) return 1
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front = Math.exp(a * Math.log(x) + b * Math.log(1 - x) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a
  const tiny = 1e-300
  const away = (value: number) => Math.abs(value) < tiny ? tiny : value
  let c = 1
  let d = 1 / away(1 - (a + b) * x / (a + 1))
  let fraction = d
  for (let m = 1; m <= 300; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / away(1 + even * d)
    c = away(1 + even / c)
    fraction *= d * c
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / away(1 + odd * d)
    c = away(1 + odd / c)
    const step = d * c
    fraction *= step
    if (Math.abs(step - 1) < 1e-15) break
  }
  return front * fraction
}

/** ln Gamma(x) for x > 0: Stirling's series from 10 on, and x Gamma(x) = Gamma(x + 1) below. */
const logGamma = (x: number): number => {
  let shift = 0
  let at = x
  for (; at < 10; at++) shift += Math.log(at)
  const inverse = 1 / (at * at)
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / at
  return (at - 0.5) * Math.log(at) - at + Math.log(2 * Math.PI) / 2 + series - shift
}
