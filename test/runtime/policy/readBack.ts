/** What the real transformers and PEFT make of directories that we saved, where a Python with them is named. */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { ChatMessage } from "../../../runtime/policy/tokenizer/ChatTemplate.ts"

/** A Python with torch, transformers and peft. */
export const python = process.env["GEMFLOW_PYTHON"]

/** Put after a suite's name: why it did not run. */
export const unlessPython = python === undefined
  ? " (skipped: set GEMFLOW_PYTHON to a Python with torch, transformers and peft)"
  : ""

export interface ReadBackJob {
  readonly directory: string
  /** A PEFT directory, put on top of the checkpoint. */
  readonly adapter?: string
  readonly sequences: ReadonlyArray<{ readonly prompt: Int32Array; readonly response: Int32Array }>
  readonly messages: ReadonlyArray<ChatMessage>
}

export interface ReadBack {
  /** The class that was loaded. */
  readonly model: string
  /** Weights that the file lacks or that the class does not know. */
  readonly faults: ReadonlyArray<string>
  /** Of each sequence, by a reward model. */
  readonly scores: ReadonlyArray<number>
  /** Of each response. */
  readonly logProbs: ReadonlyArray<ReadonlyArray<number>>
  readonly entropies: ReadonlyArray<ReadonlyArray<number>>
  readonly chat: ReadonlyArray<number>
}

/** Loads directories in one Python process: see read_back.py. */
export const readBack = (jobs: ReadonlyArray<ReadBackJob>): Effect.Effect<ReadonlyArray<ReadBack>> =>
  Effect.promise(() =>
    new Promise((resolve, reject) => {
      const script = fileURLToPath(new URL("../../fixtures/policy/read_back.py", import.meta.url))
      const options = { maxBuffer: 1 << 26, env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", HF_HUB_OFFLINE: "1" } }
      const child = execFile(python ?? "python3", [script], options, (error, stdout) => {
        if (error === null) resolve(JSON.parse(stdout))
        else reject(error)
      })
      child.stdin?.end(JSON.stringify(jobs.map(({ sequences, ...job }) => ({
        ...job,
        sequences: sequences.map(({ prompt, response }) => ({ prompt: [...prompt], response: [...response] }))
      }))))
    })
  )
