/** Certificates on disk: `certificates/<name>.json` in the store, each behind a checksum of its text. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import { type Certificate, certificateFormat } from "./Certificate.ts"

/** Certificates of so many invocations are kept, the newest. */
const kept = 32

const folder = (store: string) => join(store, "certificates")
const fileOf = (store: string, name: string) => join(folder(store), `${name}.json`)

/** The certificate of an invocation; undefined when there is none, or none that this gemflow could have written whole. */
export const readCertificate = (store: string, name: string): Certificate | undefined => {
  let text: string
  try {
    text = readFileSync(fileOf(store, name), "utf8")
  } catch {
    return undefined
  }
  const end = text.indexOf("\n")
  const body = text.slice(end + 1)
  if (end < 0 || text.slice(0, end) !== headOf(body)) return undefined
  // Behind its format and checksum it is what `writeCertificate` was given.
  const certificate: Certificate = JSON.parse(body)
  return certificate
}

/** Keeps a certificate. Where that cannot be, the next start takes the long way. */
export const writeCertificate = (store: string, name: string, certificate: Certificate): void => {
  const body = JSON.stringify(certificate)
  const temporary = join(folder(store), `${name}.${process.pid}`)
  try {
    mkdirSync(folder(store), { recursive: true })
    writeFileSync(temporary, `${headOf(body)}\n${body}`)
    renameSync(temporary, fileOf(store, name))
    sweep(folder(store))
  } catch {
    rmSync(temporary, { force: true })
  }
}

const headOf = (body: string): string => `gemflow certificate ${certificateFormat} ${crc32(body)}`

const sweep = (place: string) => {
  const names = readdirSync(place)
  if (names.length <= kept) return
  const byAge = names.map((name) => ({ name, age: -statSync(join(place, name)).mtimeMs })).toSorted((a, b) =>
    a.age - b.age
  )
  for (const { name } of byAge.slice(kept)) rmSync(join(place, name), { force: true })
}
