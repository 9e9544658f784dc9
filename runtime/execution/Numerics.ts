/** What the numbers of a node that computes on a device depend on, beside its code and inputs. Part of its key. */
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { deviceKind } from "./Devices.ts"
import { installedPackage } from "./InstalledPackage.ts"

export const numerics = (devices: ReadonlyArray<string>): { readonly [name: string]: string } => ({
  onnxruntime: installedPackage("onnxruntime-node", dirname(fileURLToPath(import.meta.url)))?.version ?? "none",
  provider: deviceKind(devices[0] ?? "cpu"),
  dtype: "float32"
})
