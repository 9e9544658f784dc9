/** test/fixtures/nodes/baselines.json, which make_baselines.py wrote beside it: what PyTorch gives for the nodes of the baselines. */
import { expect } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { TableType } from "gemflow"
import type { Policy } from "gemflow/artifacts"
import { fileURLToPath } from "node:url"
import type { Table } from "../../artifacts/Table.ts"
import { readFixture } from "./readFixture.ts"
import { pairsTable } from "./tables.ts"

const Numbers = Schema.Array(Schema.Finite)
const Metrics = Schema.Record(Schema.String, Schema.Finite)
const Pairs = Schema.Array(Schema.Struct({ prompt: Schema.String, chosen: Schema.String, rejected: Schema.String }))
const Trained = {
  config: Metrics,
  steps: Schema.Array(Schema.Struct({ loss: Schema.Finite, grad_norm: Schema.Finite, metrics: Metrics })),
  evaluations: Schema.Array(Schema.Struct({ step: Schema.Int, loss: Schema.Finite, metrics: Metrics }))
}
const OnPairs = Schema.Struct({
  ...Trained,
  tokens: Schema.Int,
  reference: Schema.Array(Schema.Struct({ chosen: Schema.Finite, rejected: Schema.Finite }))
})

export const baselines = readFixture(
  "baselines",
  Schema.Struct({
    optimiser: Metrics,
    epochs: Schema.Int,
    pairs: Pairs,
    held_out: Pairs,
    encoded: Schema.Array(Schema.Struct({ prompt: Numbers, chosen: Numbers, rejected: Numbers })),
    dpo: OnPairs,
    ipo: OnPairs,
    pro: Schema.Struct({
      ...Trained,
      candidates: Schema.Array(Schema.Struct({ pair: Schema.Int, rank: Schema.Int, tokens: Numbers }))
    }),
    reward: Schema.Struct(Trained),
    ppo: Schema.Struct({
      ...Trained,
      responses: Schema.Array(Schema.Struct({
        prompt_id: Schema.String,
        prompt: Numbers,
        tokens: Numbers,
        finished: Schema.Boolean,
        score: Schema.Finite,
        log_probs: Numbers,
        reference: Numbers
      }))
    })
  })
)

const Expected = Schema.Struct(Trained)

/** The policy that all trainings of it start from. */
export const baselineCheckpoint = fileURLToPath(new URL("../fixtures/policy/llama3", import.meta.url))

export const pairsOf = (pairs: typeof baselines.pairs) =>
  pairsTable(pairs.map(({ prompt, ...responses }) => ({ ...responses, prompt: [{ role: "user", content: prompt }] })))

/** Equal to four digits, or to 2e-5 where nearly 0. */
export const expectNear = (name: string, found: number | undefined, expected: number) => {
  const difference = Math.abs((found ?? Number.NaN) - expected)
  expect(difference, `${name} is ${found}, and should be ${expected}`).toBeLessThan(1e-4 * Math.abs(expected) + 2e-5)
}

/** That a policy's curves are those of the reference: losses, gradient norms and all metrics of steps and evaluations. */
export const expectCurves = (row: TableType.Row<typeof Policy>, expected: typeof Expected.Type) => {
  expect(row.steps).toBe(expected.steps.length)
  const curves = new Map(row.curves.map((curve) => [curve.metric, curve]))
  const names = expected.steps.flatMap(({ metrics }) => Object.keys(metrics))
  const looks = expected.evaluations.flatMap((
    { metrics }
  ) => ["eval_loss", ...Object.keys(metrics).map((n) => `eval_${n}`)])
  expect([...curves.keys()].filter((name) => name !== "num_tokens" && name !== "kl").toSorted()).toEqual(
    [...new Set([...names, ...looks])].toSorted()
  )
  expected.steps.forEach(({ grad_norm, loss, metrics }, index) => {
    expectNear(`loss of step ${index + 1}`, row.step_loss[index], loss)
    expectNear(`gradient norm of step ${index + 1}`, row.step_grad_norm[index], grad_norm)
    for (const [name, value] of decided(metrics)) {
      expect(curves.get(name)?.step).toEqual(Int32Array.from(expected.steps, (_, step) => step + 1))
      expectNear(`${name} of step ${index + 1}`, curves.get(name)?.value[index], value)
    }
  })
  expected.evaluations.forEach(({ loss, metrics, step }, index) => {
    for (const [name, value] of decided({ loss, ...metrics })) {
      const curve = curves.get(`eval_${name}`)
      expect(curve?.step[index]).toBe(step)
      expectNear(`eval_${name} after ${step} steps`, curve?.value[index], value)
    }
  })
}

/** Without the accuracy where policy and reference are one: margins are then 0 up to rounding, whose sign says nothing. */
const decided = (metrics: Readonly<Record<string, number>>) =>
  Object.entries(metrics).filter(([name]) => name !== "rewards/accuracies" || metrics["rewards/margins"] !== 0)

export const curveOf = (
  policy: Table<typeof Policy>,
  metric: string
): ReadonlyArray<number> => [...(policy.rows()[0]?.curves.find((curve) => curve.metric === metric)?.value ?? [])]

/** The one row of a table. */
export const only = <T extends TableType.Any>(table: Table<T>): TableType.Row<T> => {
  const [row, ...others] = table.rows()
  if (row === undefined || others.length > 0) throw new Error(`expected one row, found ${table.numRows}`)
  return row
}
