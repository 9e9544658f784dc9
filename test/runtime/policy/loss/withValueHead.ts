import * as Effect from "effect/Effect"
import { copyFileSync, cpSync } from "node:fs"
import { join } from "node:path"
import { lossReference, valueHeadPath } from "../lossReference.ts"
import { checkpointPath } from "../reference.ts"
import { temporary } from "./gradientStep.ts"

/** A folder with the checkpoint of the reference losses `name`, and its value head beside the weights. */
export const withValueHead = Effect.fnUntraced(function*(name: string) {
  const directory = yield* temporary
  cpSync(checkpointPath(lossReference(name).checkpoint), directory, { recursive: true })
  copyFileSync(valueHeadPath(name), join(directory, "value_head.safetensors"))
  return directory
})
