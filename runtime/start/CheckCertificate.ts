/** Whether what a certificate rests on is as it was. */
import { createHash } from "node:crypto"
import { realPathOf, stampOf } from "../execution/Stamp.ts"
import type { Certificate } from "./Certificate.ts"

/** What is no longer as it was, or undefined when everything is. The artifacts themselves are looked at later. */
export const changedSince = ({ directories, environment, links, stamps }: Certificate): string | undefined => {
  for (const path in stamps) if (stampOf(path) !== stamps[path]) return `${path} has changed`
  for (const path in directories) if (stampOf(path) !== directories[path]) return `${path} has changed`
  for (const path in links) if (realPathOf(path) !== links[path]) return `${path} leads elsewhere`
  for (const name in environment) {
    if (environmentDigest(name, process.env[name]) !== environment[name]) return `${name} has changed`
  }
  return undefined
}

/** A value may be a secret, so only its digest is kept. */
export const environmentDigest = (name: string, value: string | null | undefined): string | null =>
  value === undefined || value === null
    ? null
    : createHash("sha256").update(JSON.stringify([name, value])).digest("hex")
