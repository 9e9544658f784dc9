import { add, mul, neg, softplus, sub } from "../../onnx/ops/Arithmetic.ts"
import type { Objective } from "../train/Objective.ts"
import { preferenceObjective, type PreferenceOptions } from "./Preference.ts"

/**
 * Direct preference optimisation (Rafailov et al. 2023, equation 7), the mean over pairs of
 *
 *     - log sigmoid(m)   with m = beta (d(chosen) - d(rejected)),   d(y) = log pi(y) - log pi_ref(y)
 *
 * With label smoothing e (Mitchell 2023), the chance that a pair is labelled the wrong way round, it is
 * - (1 - e) log sigmoid(m) - e log sigmoid(-m) = softplus(-m) + e m. Items: `preferenceItems`.
 */
export const dpo = (options: PreferenceOptions & { readonly labelSmoothing?: number }): Objective => {
  const { beta, labelSmoothing = 0 } = options
  return preferenceObjective(`dpo labelSmoothing=${labelSmoothing}`, options, ({ chosen, rejected }) => {
    const margin = mul(sub(chosen, rejected), beta)
    return add(softplus(neg(margin)), mul(margin, labelSmoothing))
  })
}
