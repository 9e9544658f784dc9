/**
 * A certificate that a run, repeated by the same command, would find every node cached: on what that rests, and what the
 * run would say. It is kept in the store, under the name of the invocation, and read without loading effect.
 */
import { createHash } from "node:crypto"
import type { RunStarted } from "../execution/Event.ts"
import { stampOf } from "../execution/Stamp.ts"

export const certificateFormat = 1

export interface Certificate {
  readonly format: typeof certificateFormat
  /** How many migrations the catalog had had. */
  readonly catalogVersion: number
  /** The run in whose place a repetition may be noted: its nodes, with their keys, outputs and inputs, are the same. */
  readonly run: string
  readonly settings: ReadonlyArray<string>
  readonly started: Omit<typeof RunStarted.Type, "type" | "run">
  /** Digest of the table that the command shows at the end. */
  readonly result: string | null
  /** Stamps of what planning looked at, files and folders, the modules that were loaded among them. */
  readonly stamps: Readonly<Record<string, string>>
  /** Where links led. */
  readonly links: Readonly<Record<string, string>>
  /** Digests of environment variables that were read while the pipeline was loaded and planned; null for one not set. */
  readonly environment: Readonly<Record<string, string | null>>
  /** `objectsDigest` of the outputs. */
  readonly objects: string
  /** Files of stored directories that outputs refer to. */
  readonly directories: Readonly<Record<string, string>>
}

/** Where a stored table lies, as artifacts/StoreFiles.ts has it. Thousands are asked for, so there is no `join`. */
export const objectFolder = (store: string, digest: string): string =>
  `${store}/objects/${digest.slice(0, 2)}/${digest}`

export const objectManifest = (store: string, digest: string): string => `${objectFolder(store, digest)}/manifest.json`

/** One digest for the stamps of the manifests of outputs, in order. */
export const objectsDigest = (store: string, outputs: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const digest of new Set(outputs)) hash.update(`${stampOf(objectManifest(store, digest))}\n`)
  return hash.digest("hex")
}
