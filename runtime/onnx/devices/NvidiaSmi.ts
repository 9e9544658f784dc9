/** NVIDIA GPUs, asked of the tool that comes with the driver. */
import { execFile } from "node:child_process"
import type { Gpu } from "./Machine.ts"

export const query = [
  "--query-gpu=index,name,memory.total,driver_version,compute_cap",
  "--format=csv,noheader,nounits"
] as const

/** The GPUs, or why they cannot be listed. */
export const listGpus = (): Promise<ReadonlyArray<Gpu> | string> =>
  new Promise((resolve) => {
    execFile("nvidia-smi", query, { timeout: 10_000, maxBuffer: 1 << 20 }, (error, out) => {
      if (error === null) return resolve(parseGpus(out))
      if (error.code === "ENOENT") return resolve("nvidia-smi, which comes with the driver, was not found")
      if (error.killed === true) return resolve("nvidia-smi did not answer within 10 seconds")
      // It explains itself on its standard output.
      const said = out.trim().split("\n")[0] ?? ""
      resolve(said === "" ? `nvidia-smi ended with code ${error.code}` : `nvidia-smi: ${said}`)
    })
  })

/** Reads the answer to `query`: one GPU a line. */
export const parseGpus = (text: string): ReadonlyArray<Gpu> | string => {
  const lines = text.trim().split("\n").map((line) => line.trim()).filter((line) => line !== "")
  const gpus: Array<Gpu> = []
  for (const line of lines) {
    const [index, name, memory, driver, compute] = line.split(",").map((field) => field.trim())
    const gpu = { index: Number(index), name: name ?? "", memory: Number(memory), driver: driver ?? "" }
    if (!Number.isInteger(gpu.index) || gpu.name === "" || gpu.driver === "") return `nvidia-smi: ${line}`
    // A GPU cut in instances (MIG) reports [N/A] for some of these.
    gpus.push({ ...gpu, memory: gpu.memory || 0, compute: Number(compute) || 0 })
  }
  return gpus.length === 0 ? "nvidia-smi lists no GPU" : gpus
}
