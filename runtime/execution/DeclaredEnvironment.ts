/** The environment variables that a node declares: their values for `run`, their digests for the key. */
import { digestJson } from "../../artifacts/CanonicalJson.ts"
import type { Definition } from "../pipeline/Node.ts"

export const declaredEnvironment = ({ env }: Definition): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(env.map((name) => [name, process.env[name]]))

/** Digests, since values may be secrets and keys are stored and shown. The name enters, so that equal values differ. */
export const environmentDigests = (
  env: Readonly<Record<string, string | undefined>>
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value === undefined ? "absent" : digestJson([name, value])])
  )
