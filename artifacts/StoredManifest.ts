import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { digestJson } from "./CanonicalJson.ts"
import { errorCode, StoreError } from "./StoreError.ts"

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
    const text = isDigest(digest) ? yield* readText(file) : undefined
    if (text === undefined) return undefined
    const decoded = decoder(schema)(text)
    return Option.isSome(decoded) && digestJson(named(decoded.value)) === digest ? decoded.value : "damaged"
  })

// A manifest is a few hundred bytes: going to another thread for it takes longer than reading it.
const readText = (file: string) =>
  Effect.try({
    try: () => {
      try {
        return readFileSync(file, "utf8")
      } catch (error) {
        if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined
        throw error
      }
    },
    catch: (cause) => new StoreError({ operation: "read a manifest", path: file, cause })
  })

type Decoder<M> = (text: string) => Option.Option<M>
const decoders = new WeakMap<object, Decoder<unknown>>()

/** A schema's decoder, made once. */
const decoder = <M>(schema: Schema.Codec<M>): Decoder<M> => {
  const known = decoders.get(schema)
  // The map holds under a schema what was made from that schema.
  if (known !== undefined) return known as Decoder<M>
  const made = Schema.decodeOption(Schema.fromJsonString(schema))
  decoders.set(schema, made)
  return made
}
