/** What every row is built from. */
import { fileURLToPath } from "node:url"
import type { Contestant } from "../Contestant.ts"
import type { Models } from "../models/Model.ts"
import type { Row } from "../Row.ts"

export interface Setting {
  readonly models: Models
  readonly threads: number
  /** A tiny model and a few tokens. */
  readonly smoke: boolean
  /** Leave out contestants that are not asked for: their models need not be made. */
  readonly wanted: (name: string) => boolean
}

/** Builds a row; preparing may write models. */
export type MakeRow<Check> = (setting: Setting) => Promise<Row<Check>>

export const ourselves = "gemflow"

/** A contestant that is a TypeScript file beside gemflow's. */
export const nodeContestant = (name: string, file: string, job: object): Contestant => ({
  name,
  command: [
    process.execPath,
    "--conditions=gemflow-source",
    "--disable-warning=ExperimentalWarning",
    fileURLToPath(new URL(`../contestants/${file}`, import.meta.url))
  ],
  job
})

/** A contestant that is a Python script. */
export const pythonContestant = (name: string, python: string, file: string, job: object): Contestant => ({
  name,
  command: [python, fileURLToPath(new URL(`../peers/${file}`, import.meta.url))],
  job
})
