import { expect } from "@effect/vitest"
import type { LossValue } from "../lossReference.ts"
import { relativeDifference } from "../reference.ts"

export const expectRelative = (name: string, found: number, expected: number, tolerance: number) => {
  const difference = Math.abs(found - expected) / Math.max(Math.abs(expected), 1e-9)
  expect(difference, `${name} is ${found}, and should be ${expected}`).toBeLessThan(tolerance)
}

/** The loss to 1e-5, and each gradient to 1e-4, relative. */
export const expectLoss = (
  found: { readonly loss: number; readonly gradients: ReadonlyMap<string, ReadonlyArray<number>> },
  expected: LossValue
) => {
  expectRelative("loss", found.loss, expected.value, 1e-5)
  expect([...found.gradients.keys()].toSorted()).toEqual(Object.keys(expected.gradient.tensors).toSorted())
  for (const [tensor, summary] of Object.entries(expected.gradient.tensors)) {
    const difference = relativeDifference(found.gradients.get(tensor) ?? [], summary)
    expect(difference, `the gradient of ${tensor} differs by ${difference}`).toBeLessThan(1e-4)
  }
}

/** Those of `names` to 1e-4 relative, or 1e-6 where they are nearly 0. */
export const expectMetrics = (
  found: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, number>>,
  names: ReadonlyArray<string>
) => {
  for (const name of names) {
    const value = expected[name] ?? Number.NaN
    const difference = Math.abs((found[name] ?? Number.NaN) - value)
    expect(difference, `${name} is ${found[name]}, and should be ${value}`).toBeLessThan(1e-4 * Math.abs(value) + 1e-6)
  }
}
