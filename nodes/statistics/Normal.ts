/** The standard normal distribution, in double precision. */

/** phi(x) = exp(-x^2 / 2) / sqrt(2 pi). */
export const normalDensity = (x: number): number => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI)

/**
 * Phi(x), the probability of a value below `x`.
 *
 * Near zero the series Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/(3*5) + ...), in the tails the continued fraction of Mills'
 * ratio, 1 - Phi(x) = phi(x) / (x + 1/(x + 2/(x + 3/...))), so that small probabilities keep their relative precision
 * (Marsaglia 2004, "Evaluating the normal distribution").
 */
export const normalCdf = (x: number): number => {
  if (x > 3) return 1 - upperTail(x)
  if (x < -3) return upperTail(-x)
  let term = x
  let sum = x
  for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(sum); odd += 2) {
    term *= x * x / odd
    sum += term
  }
  return 0.5 + normalDensity(x) * sum
}

const upperTail = (x: number): number => {
  let denominator = x
  for (let level = 120; level >= 1; level--) denominator = x + level / denominator
  return normalDensity(x) / denominator
}

/** The x with Phi(x) = `probability`, by bisection; `probability` in (0, 1). */
export const normalQuantile = (probability: number): number => {
  let low = -40
  let high = 40
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2
    if (normalCdf(middle) < probability) low = middle
    else high = middle
  }
  return (low + high) / 2
}
