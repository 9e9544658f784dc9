import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as fs from "node:fs/promises"
import { digestJson } from "./CanonicalJson.ts"
import type { StoreError } from "./StoreError.ts"
import * as Files from "./StoreFiles.ts"

/** Whether a text may name an artifact. Nothing else is ever made part of a path. */
export const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

/**
 * Reads what is stored of an artifact beside its bytes: undefined when there is nothing, "damaged" when it does not
 * decode or is not the manifest that the digest names.
 */
export const readManifest = <M>(
  schema: Schema.Codec<M>,
  file: string,
  named: (content: M) => unknown,
  digest: string
): Effect.Effect<M | "damaged" | undefined, StoreError> =>
  Effect.gen(function*() {
    const text = isDigest(digest)
      ? yield* Files.attemptExisting("read a manifest", file, () => fs.readFile(file, "utf8"))
      : undefined
    if (text === undefined) return undefined
    const decoded = Schema.decodeOption(Schema.fromJsonString(schema))(text)
    return Option.isSome(decoded) && digestJson(named(decoded.value)) === digest ? decoded.value : "damaged"
  })
