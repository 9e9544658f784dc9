/** What the numbers of a node that computes on a device depend on, beside its code and inputs. Part of its key. */
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { deviceKind } from "./Devices.ts"
import { installedPackage } from "./InstalledPackage.ts"

export const numerics = (devices: ReadonlyArray<string>): { readonly [name: string]: string } => {
  const provider = deviceKind(devices[0] ?? "cpu")
  return {
    onnxruntime: installedPackage("onnxruntime-node", dirname(fileURLToPath(import.meta.url)))?.version ?? "none",
    provider,
    // As runtime/policy/Precision.ts chooses; the checkpoint, and with it the type it is stored in, is among the inputs.
    dtype: provider === "cuda" ? "as stored" : "float32"
  }
}
