/** Copies of fixtures to damage, and new checkpoints made from their tensors. */
import * as Effect from "effect/Effect"
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Safetensors from "../../../../artifacts/Safetensors.ts"
import { checkpointPath } from "../reference.ts"

export const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gemflow-checkpoint-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A copy of a checkpoint. */
export const copyOf = (name: string) =>
  temporary.pipe(Effect.tap((path) => Effect.sync(() => cpSync(checkpointPath(name), path, { recursive: true }))))

/** A copy with fields of a JSON file changed; undefined removes one. */
export const withJson = (name: string, file: string, change: Readonly<Record<string, unknown>>) =>
  copyOf(name).pipe(Effect.tap((path) =>
    Effect.sync(() => {
      const known: object = existsSync(join(path, file)) ? JSON.parse(readFileSync(join(path, file), "utf8")) : {}
      writeFileSync(join(path, file), JSON.stringify({ ...known, ...change }))
    })
  ))

/** A copy whose file of weights is written anew. */
export const withTensors = Effect.fnUntraced(
  function*(
    name: string,
    change: (tensors: Map<string, Safetensors.TensorToWrite>) => void,
    file = "model.safetensors"
  ) {
    const directory = yield* copyOf(name)
    const path = join(directory, file)
    const header = yield* Safetensors.readHeader(path)
    const tensors = new Map<string, Safetensors.TensorToWrite>()
    for (const [tensor, { dtype, shape }] of header.tensors) {
      tensors.set(tensor, { dtype, shape, data: yield* Safetensors.readTensor(header, tensor) })
    }
    change(tensors)
    yield* Safetensors.write(path, tensors)
    return directory
  }
)
