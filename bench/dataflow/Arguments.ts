/** What `npm run bench:dataflow -- ...` is told. */
import { parseArgs } from "node:util"
import { rowNames } from "./rows/Rows.ts"

export interface Arguments {
  readonly rows: ReadonlyArray<string>
  /** Measured repetitions of each contestant. */
  readonly repetitions: number
  /** Contestants whose name contains this; all where absent. */
  readonly only: string | undefined
}

export const usage = `npm run bench:dataflow -- [--row NAME ...] [--only CONTESTANT] [--repetitions N]

  --row          one of ${rowNames.join(", ")}; several times for several; all without it
  --only         only contestants whose name contains this
  --repetitions  measured repetitions of each contestant (5)

  GEMFLOW_DATAFLOW_PEERS   a folder whose node_modules holds turbo and wireit
  GEMFLOW_DATAFLOW_PYTHON  a Python with redun, snakemake, dvc, dagster, dask and ninja`

/** The arguments, or what is wrong with them. */
export const parseArguments = (args: ReadonlyArray<string>): Arguments | string => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      row: { type: "string", multiple: true },
      only: { type: "string" },
      repetitions: { type: "string" },
      help: { type: "boolean" }
    }
  })
  const rows = values.row ?? rowNames
  const unknown = rows.find((row) => !rowNames.includes(row))
  const repetitions = Number(values.repetitions ?? 5)
  if (values.help) return usage
  if (unknown !== undefined) return `There is no row ${unknown}.\n\n${usage}`
  if (!Number.isInteger(repetitions) || repetitions < 1) {
    return `--repetitions is ${values.repetitions}; it must be a whole number of at least 1.\n\n${usage}`
  }
  return { rows, repetitions, only: values.only }
}
