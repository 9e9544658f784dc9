/** The checkpoint as ONNX for transformers.js, exported by optimum as the models on the Hub are. */
import { execFile } from "node:child_process"
import { rename, rm } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const script = fileURLToPath(new URL("../peers/export_onnx.py", import.meta.url))

export const exportOnnx = async (path: string, directory: string, python: string): Promise<void> => {
  const partial = `${path}.partial`
  await rm(partial, { recursive: true, force: true })
  await promisify(execFile)(python, [script, directory, partial], { maxBuffer: 2 ** 26 })
  await rename(partial, path)
}
