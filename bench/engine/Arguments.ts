/** What `npm run bench:engine -- ...` is told. */
import { parseArgs } from "node:util"
import { rowNames } from "./rows/Rows.ts"

export interface Arguments {
  /** Names of the rows to measure. */
  readonly rows: ReadonlyArray<string>
  /** A few tokens of a tiny model, once: shows that everything runs, measures nothing. */
  readonly smoke: boolean
  /** Measured repetitions of each contestant. */
  readonly repetitions: number
  /** Contestants whose name contains this; all where absent. */
  readonly only: string | undefined
  /** Where checkpoints and their conversions are kept between runs; a temporary folder where absent. */
  readonly models: string | undefined
}

export const usage =
  `npm run bench:engine -- [--row NAME ...] [--only CONTESTANT] [--repetitions N] [--models DIRECTORY] [--smoke]

  --row          one of ${rowNames.join(", ")}; several times for several; all without it
  --only         only contestants whose name contains this, such as gemflow
  --repetitions  measured repetitions of each contestant (5)
  --models       keep checkpoints and their conversions here between runs
  --smoke        a tiny model and a few tokens, once: does everything run?

  GEMFLOW_PYTHON   a Python with torch, transformers and peft (python3)
  GEMFLOW_OPTIMUM  a Python with optimum-onnx, which exports the model for transformers.js (GEMFLOW_PYTHON)
  GEMFLOW_PEERS    a folder whose node_modules holds @huggingface/transformers and node-llama-cpp (this project)`

/** The arguments, or what is wrong with them. */
export const parseArguments = (args: ReadonlyArray<string>): Arguments | string => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      row: { type: "string", multiple: true },
      only: { type: "string" },
      repetitions: { type: "string" },
      models: { type: "string" },
      smoke: { type: "boolean" },
      help: { type: "boolean" }
    }
  })
  const rows = values.row ?? rowNames
  const unknown = rows.find((row) => !rowNames.includes(row))
  const repetitions = Number(values.repetitions ?? (values.smoke ? 1 : 5))
  if (values.help) return usage
  if (unknown !== undefined) return `There is no row ${unknown}.\n\n${usage}`
  if (!Number.isInteger(repetitions) || repetitions < 1) {
    return `--repetitions is ${values.repetitions}; it must be a whole number of at least 1.\n\n${usage}`
  }
  return { rows, smoke: values.smoke ?? false, repetitions, only: values.only, models: values.models }
}
