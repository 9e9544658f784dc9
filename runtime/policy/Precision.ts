/** The type that a policy's programs compute in, by device. */
import { CheckpointError } from "./checkpoint/CheckpointError.ts"
import type { WeightType } from "./checkpoint/WeightType.ts"

/**
 * What was asked for; else float32, and on CUDA the type that the checkpoint is stored in. Softmax, norms, log-probs and
 * loss are computed in float32 in any case.
 *
 * @returns an error where the device's kernels do not compute in that type.
 */
export const precisionFor = (
  directory: string,
  device: string,
  asked: WeightType | undefined
): WeightType | "stored" | CheckpointError => {
  const onCuda = device.startsWith("cuda")
  if (asked !== "bfloat16" || onCuda) return asked ?? (onCuda ? "stored" : "float32")
  return new CheckpointError({
    path: directory,
    place: "",
    problem: `cannot be computed in bfloat16 on ${device}`,
    remedy: "Only CUDA devices have bfloat16 kernels; ask for the precision float32 or float16."
  })
}
