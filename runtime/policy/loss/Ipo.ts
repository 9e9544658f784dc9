import { div, square, sub } from "../../onnx/ops/Arithmetic.ts"
import type { Objective } from "../train/Objective.ts"
import { preferenceObjective, type PreferenceOptions } from "./Preference.ts"

/**
 * Identity preference optimisation (Azar et al. 2023, equation 17), the mean over pairs of
 *
 *     (d(chosen) / |chosen| - d(rejected) / |rejected| - 1 / (2 beta))^2,   d(y) = log pi(y) - log pi_ref(y)
 *
 * with |y| the response's tokens, by which TRL divides on the authors' advice. Items: `preferenceItems`.
 */
export const ipo = (options: PreferenceOptions): Objective =>
  preferenceObjective(
    "ipo",
    options,
    ({ chosen, chosenTokens, rejected, rejectedTokens }) =>
      square(sub(sub(div(chosen, chosenTokens), div(rejected, rejectedTokens)), 1 / (2 * options.beta)))
  )
