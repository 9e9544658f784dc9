/**
 * Newton's method for a concave log-likelihood of a few qualities with independent N(0, prior_sigma^2) priors, and the
 * Laplace approximation at its mode: mu is the mode, the covariance is the inverse of the negative Hessian.
 */
import type { Rating } from "./Rating.ts"

/** Where a log-likelihood adds its derivatives at a point. */
export interface Derivatives {
  readonly addGradient: (index: number, value: number) => void
  readonly addHessian: (row: number, column: number, value: number) => void
}

/** Returns the log-likelihood at theta and adds its gradient and Hessian. It must be concave. */
export type LogLikelihood = (theta: Float64Array, derivatives: Derivatives) => number

const maximumSteps = 200
const tolerance = 1e-12

export const maximise = (size: number, priorSigma: number, logLikelihood: LogLikelihood): ReadonlyArray<Rating> => {
  const priorPrecision = priorSigma ** -2

  const evaluate = (theta: Float64Array) => {
    const gradient = theta.map((value) => -value * priorPrecision)
    // The negative Hessian, row by row: positive definite by the prior.
    const precision = new Float64Array(size * size)
    for (let index = 0; index < size; index++) precision[index * size + index] = priorPrecision
    const value = logLikelihood(theta, {
      addGradient: (index, amount) => {
        gradient[index] = (gradient[index] ?? 0) + amount
      },
      addHessian: (row, column, amount) => {
        precision[row * size + column] = (precision[row * size + column] ?? 0) - amount
      }
    })
    const prior = theta.reduce((sum, quality) => sum + quality * quality, 0) * priorPrecision / 2
    return { value: value - prior, gradient, precision }
  }

  let theta = new Float64Array(size)
  let current = evaluate(theta)
  for (let step = 0; step < maximumSteps; step++) {
    const direction = solve(cholesky(current.precision, size), current.gradient)
    let length = 1
    let next = theta.map((value, index) => value + (direction[index] ?? 0))
    let reached = evaluate(next)
    // A full step may overshoot where the curvature is smaller than at theta: halve it until the value rises.
    while (reached.value < current.value && length > 1e-8) {
      length /= 2
      const shorter = length
      next = theta.map((value, index) => value + shorter * (direction[index] ?? 0))
      reached = evaluate(next)
    }
    theta = next
    current = reached
    if (direction.every((move) => Math.abs(length * move) < tolerance)) break
  }

  const factor = cholesky(current.precision, size)
  return Array.from(theta, (mu, index) => {
    const unit = new Float64Array(size)
    unit[index] = 1
    return { mu, sigma: Math.sqrt(solve(factor, unit)[index] ?? Number.NaN) }
  })
}

/** The lower triangular L with L L^T = `matrix`, which is symmetric positive definite, row by row. */
const cholesky = (matrix: Float64Array, size: number): Float64Array => {
  const lower = new Float64Array(size * size)
  const at = (row: number, column: number) => lower[row * size + column] ?? 0
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = matrix[row * size + column] ?? 0
      for (let inner = 0; inner < column; inner++) rest -= at(row, inner) * at(column, inner)
      lower[row * size + column] = row === column ? Math.sqrt(rest) : rest / at(column, column)
    }
  }
  return lower
}

/** The x with L L^T x = `right`. */
const solve = (lower: Float64Array, right: Float64Array): Float64Array => {
  const size = right.length
  const x = Float64Array.from(right)
  const at = (row: number, column: number) => lower[row * size + column] ?? 0
  for (let row = 0; row < size; row++) {
    let rest = x[row] ?? 0
    for (let column = 0; column < row; column++) rest -= at(row, column) * (x[column] ?? 0)
    x[row] = rest / at(row, row)
  }
  for (let row = size - 1; row >= 0; row--) {
    let rest = x[row] ?? 0
    for (let column = row + 1; column < size; column++) rest -= at(column, row) * (x[column] ?? 0)
    x[row] = rest / at(row, row)
  }
  return x
}
