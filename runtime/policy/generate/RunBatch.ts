/** Generates one batch on one session: the program's runs one after the other, until every candidate has ended. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { SessionError } from "../../onnx/SessionError.ts"
import type { Session } from "../../onnx/Sessions.ts"
import { float32, int64, type TensorData, tensorData } from "../../onnx/TensorData.ts"
import type { GenerationBatch } from "../Batches.ts"
import type { GenerateRequest, Generation } from "../Policy.ts"
import { notNumbers, type PolicyRequestError } from "../PolicyError.ts"
import { present } from "../Present.ts"
import { fillUniforms, noiseKey } from "./SamplingNoise.ts"

export interface BatchOptions {
  readonly request: GenerateRequest
  readonly batch: GenerationBatch
  readonly eosIds: ReadonlyArray<number>
  readonly padId: number
  /** Steps of each run, see Runs.ts. */
  readonly runs: ReadonlyArray<number>
  /** Told after each run that leaves more to do: the share of the steps that are made. */
  readonly onRun: (done: number) => Effect.Effect<void>
}

/**
 * The candidates of a batch. Interrupted, it returns at once, and the session's device is free after at most one run.
 *
 * Runs of a batch leave caches in the session for the next, so two batches on one session wait for each other.
 *
 * @errors PolicyRequestError for weights that give no numbers, SessionError
 */
export const runBatch = (
  session: Session,
  options: BatchOptions
): Effect.Effect<ReadonlyArray<Generation>, PolicyRequestError | SessionError> =>
  turnsOf(session).withPermits(1)(batchRuns(session, options))

const batchRuns = Effect.fnUntraced(function*(session: Session, options: BatchOptions) {
  const { batch, eosIds, onRun, request, runs } = options
  const rows = batchRows(batch)
  yield* session.write(emptyCaches(session, batch))
  let step = 0
  for (const [run, steps] of runs.entries()) {
    const results = yield* session.run({
      feeds: { ...stepFeeds(options, step, steps), ...(run === 0 && startFeeds(options)) },
      fetch: ["tokens", "logProbs", "entropies"],
      carry: run < runs.length - 1 ? carriedBy(session, run) : {},
      move: true
    })
    for (const row of rows) if (!row.finished) append(row, results, steps, rows.length, eosIds)
    const broken = rows.find(({ logProbs }) => !logProbs.every(Number.isFinite))
    if (broken !== undefined) return yield* brokenRow(request, broken)
    step += steps
    if (rows.every(({ finished }) => finished)) break
    if (run < runs.length - 1) yield* onRun(step / request.maxNewTokens)
  }
  // What was carried would stay with the device until the next batch.
  if (runs.length > 1) yield* session.write(emptyCaches(session, batch))
  return rows.map(({ candidate, entropies, finished, logProbs, prompt, tokens }): Generation => ({
    promptId: request.prompts[prompt]?.id ?? "",
    candidate,
    tokens: Int32Array.from(tokens),
    logProbs: Float32Array.from(logProbs),
    entropies: Float32Array.from(entropies),
    finished
  }))
})

const turns = new WeakMap<Session, Semaphore.Semaphore>()

const turnsOf = (session: Session): Semaphore.Semaphore => {
  const known = turns.get(session) ?? Semaphore.makeUnsafe(1)
  turns.set(session, known)
  return known
}

/** What a run leaves for the next, by output and input. The prompts' caches stay as the first run leaves them. */
const carriedBy = ({ program }: Session, run: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    program.outputs.flatMap(({ name }) => {
      const input = /^next\.(.+)$/.exec(name)?.[1]
      return input === undefined || (run > 0 && input.startsWith("prompt")) ? [] : [[name, input]]
    })
  )

/** Caches of length 0, which all others grow from. */
const emptyCaches = ({ program }: Session, batch: GenerationBatch): Readonly<Record<string, TensorData>> => {
  const sizes: Readonly<Record<string, number>> = {
    prompts: batch.prompts.length,
    candidates: batch.candidates,
    promptKept: 0,
    generated: 0
  }
  const caches = program.inputs.filter(({ name }) => /^(promptKeys|promptValues|keys|values)\./.test(name))
  return Object.fromEntries(
    caches.map(({ name, shape }): [string, TensorData] => {
      const dims = shape.map((dim) => typeof dim === "number" ? dim : present(sizes[dim], `size of ${dim}`))
      return [name, { dtype: "float32", dims, data: new Float32Array(0) }]
    })
  )
}

/** What a run is fed from `step` on. */
const stepFeeds = (
  { batch, padId, request }: BatchOptions,
  step: number,
  steps: number
): Readonly<Record<string, TensorData>> => {
  const prompts = batch.prompts.flatMap((index) => request.prompts[index] ?? [])
  const count = prompts.length
  // At least one slot, so that no tensor is empty; it is masked where a prompt has a single token.
  const length = prompts.reduce((most, { tokens }) => Math.max(most, tokens.length - 1), 1)
  const promptTokens = new Int32Array(count * length).fill(padId)
  const uniforms = new Float32Array(steps * count * batch.candidates)
  prompts.forEach(({ id, tokens }, row) => {
    promptTokens.set(tokens.subarray(0, -1), row * length)
    for (let column = 0; column < batch.candidates; column++) {
      const key = noiseKey(request.seed, id, batch.firstCandidate + column)
      const noise = {
        first: step,
        count: steps,
        offset: row * batch.candidates + column,
        stride: count * batch.candidates
      }
      fillUniforms(key, uniforms, noise)
    }
  })
  const int32 = (dims: ReadonlyArray<number>, data: Int32Array): TensorData => ({ dtype: "int32", dims, data })
  return {
    promptTokens: int32([count, length], promptTokens),
    promptLengths: int32([count], Int32Array.from(prompts, ({ tokens }) => tokens.length)),
    step: int64([], [step]),
    uniforms: { dtype: "float32", dims: [steps, count, batch.candidates], data: uniforms },
    // The greedy program reads neither.
    temperature: float32([], [request.temperature]),
    topP: float32([], [request.topP])
  }
}

/** What the first run starts from. */
const startFeeds = ({ batch, padId, request }: BatchOptions): Readonly<Record<string, TensorData>> => {
  const dims = [batch.prompts.length, batch.candidates]
  const last = batch.prompts.flatMap((index) =>
    Array.from({ length: batch.candidates }, () => request.prompts[index]?.tokens.at(-1) ?? padId)
  )
  return { token: int64(dims, last), ended: tensorData("bool", dims, last.map(() => 0)) }
}

const brokenRow = ({ prompts }: GenerateRequest, { candidate, logProbs, prompt }: BatchRow) =>
  notNumbers(
    "generate",
    `prompts[${prompt}] (${prompts[prompt]?.id}), candidate ${candidate}, token ${
      logProbs.findIndex((value) => !Number.isFinite(value)) + 1
    },`
  )

/** A candidate as far as it is generated. */
interface BatchRow {
  /** Index into the request's prompts. */
  readonly prompt: number
  readonly candidate: number
  /** Its place among the candidates of the batch. */
  readonly place: number
  readonly tokens: Array<number>
  readonly logProbs: Array<number>
  readonly entropies: Array<number>
  finished: boolean
}

const batchRows = (batch: GenerationBatch): ReadonlyArray<BatchRow> =>
  batch.prompts.flatMap((prompt, row) =>
    Array.from({ length: batch.candidates }, (_, column): BatchRow => ({
      prompt,
      candidate: batch.firstCandidate + column,
      place: row * batch.candidates + column,
      tokens: [],
      logProbs: [],
      entropies: [],
      finished: false
    }))
  )

/** Takes a row's values out of [steps, rows], up to its first end-of-sequence token. */
const append = (
  row: BatchRow,
  results: Readonly<Record<"tokens" | "logProbs" | "entropies", TensorData>>,
  steps: number,
  rows: number,
  eosIds: ReadonlyArray<number>
): void => {
  // Less than asked for where all ended; more where the program fills its last chunk.
  const made = Math.min(results.tokens.dims[0] ?? 0, steps)
  for (let step = 0; step < made && !row.finished; step++) {
    const at = (data: TensorData["data"]) => Number(data[step * rows + row.place])
    const token = at(results.tokens.data)
    row.tokens.push(token)
    row.logProbs.push(at(results.logProbs.data))
    row.entropies.push(at(results.entropies.data))
    row.finished = eosIds.includes(token)
  }
}
