/** How the learning rate moves after warm-up. */
export type Schedule = "constant" | "linear" | "cosine"

/**
 * The learning rate of optimiser step `step` (0-based) of `totalSteps`.
 *
 * Warm-up: rate (step + 1) / warmupSteps, so that the first step already learns. After it, with
 * t = (step - warmupSteps) / (totalSteps - warmupSteps) in [0, 1):  constant: rate;  linear: rate (1 - t);
 * cosine: rate (1 + cos(pi t)) / 2.
 */
export const learningRateAt = (
  request: { readonly learningRate: number; readonly schedule: Schedule; readonly warmupSteps: number },
  step: number,
  totalSteps: number
): number => {
  const { learningRate, schedule, warmupSteps } = request
  if (step < warmupSteps) return learningRate * (step + 1) / warmupSteps
  const t = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps)
  switch (schedule) {
    case "constant":
      return learningRate
    case "linear":
      return learningRate * (1 - t)
    case "cosine":
      return learningRate * (1 + Math.cos(Math.PI * t)) / 2
  }
}
