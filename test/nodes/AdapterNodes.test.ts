import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { TableType } from "gemflow"
import { Advantages, ArtifactStore, Candidates, Policy } from "gemflow/artifacts"
import { Checkpoint, ReflectiveSft, Sample, Update } from "gemflow/nodes"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Table } from "../../artifacts/Table.ts"
import { adapterPath } from "../runtime/policy/adapterReference.ts"
import { checkpointPath } from "../runtime/policy/reference.ts"
import { runNode, services, temporaryDirectory } from "./runNode.ts"
import { messageOf, pairsTable } from "./tables.ts"

const pairs = pairsTable([
  { prompt_id: "a", prompt: [{ role: "user", content: "1+1" }], chosen: "2\nA: 2", rejected: "3\nA: 3" },
  { prompt_id: "b", prompt: [{ role: "user", content: "2+3" }], chosen: "5\nA: 5", rejected: "7\nA: 7" }
])

const adapter = { rank: 4, alpha: 8 }
const sft = { epochs: 4, learning_rate: 0.01, seed: 3 }

const only = <T extends TableType.Any>(table: Table<T>): TableType.Row<T> => {
  const [row, ...others] = table.rows()
  if (row === undefined || others.length > 0) throw new Error(`expected one row, found ${table.numRows}`)
  return row
}

const base = runNode(Checkpoint, Policy, { path: checkpointPath("llama3") })

const tuned = (policy: Table<typeof Policy>, config: object = { adapter }) =>
  Effect.flatMap(pairs, (pairs) => runNode(ReflectiveSft, Policy, { ...sft, ...config }, { policy, pairs }))

const sampled = (policy: Table<typeof Policy>) =>
  Effect.flatMap(
    pairs,
    (pairs) => runNode(Sample, Candidates, { candidates: 2, max_new_tokens: 8, seed: 1 }, { policy, pairs })
  )

/** A SEGA update towards the first candidate of each prompt. */
const updated = (policy: Table<typeof Policy>, config: object = {}) =>
  Effect.gen(function*() {
    const candidates = yield* sampled(policy)
    const rows = candidates.rows().map(({ candidate, candidate_id, prompt_id }) => ({
      candidate_id,
      prompt_id,
      candidate,
      reward: 0,
      baseline: 0,
      advantage: 0,
      weight: candidate === 0 ? 1 : -1
    }))
    const advantages = yield* Table.fromRows(Advantages, rows)
    return yield* runNode(Update, Policy, { learning_rate: 0.01, ...config }, { policy, candidates, advantages })
  })

const filesOf = (digest: string | null) =>
  Effect.gen(function*() {
    const directory = yield* (yield* ArtifactStore).directoryPath(digest ?? "")
    return { directory, names: readdirSync(directory).toSorted() }
  })

const inTemporaryStore = Layer.unwrap(Effect.map(temporaryDirectory, services))

layer(inTemporaryStore)("nodes that train an adapter", (it) => {
  describe("reflective-sft", () => {
    it.effect("stores the adapter alone, beside the checkpoint it was trained over", () =>
      Effect.gen(function*() {
        const policy = yield* base
        const row = only(yield* tuned(policy))
        expect(row).toMatchObject({ origin: "reflective-sft", steps: 4, checkpoint: only(policy).checkpoint })
        expect(row.base_weights).toBeNull()
        expect(row.step_loss.at(-1)).toBeLessThan(row.step_loss[0] ?? 0)
        const { directory, names } = yield* filesOf(row.adapter)
        expect(names).toEqual(["adapter_config.json", "adapter_model.safetensors"])
        const config: unknown = JSON.parse(readFileSync(join(directory, "adapter_config.json"), "utf8"))
        expect(config).toMatchObject({ peft_type: "LORA", r: 4, lora_alpha: 8, lora_dropout: 0, use_rslora: false })
        // Nothing of this machine is in it: an equal adapter is an equal directory, and the same policy.
        expect(only(yield* tuned(policy)).policy_id).toBe(row.policy_id)
        const others = yield* Effect.forEach([{ adapter: { ...adapter, rank: 2 } }, { adapter, seed: 4 }], (config) =>
          Effect.map(tuned(policy, config), (table) => only(table).policy_id))
        expect(new Set([row.policy_id, only(policy).policy_id, ...others]).size).toBe(4)
      }))

    it.effect("takes the layers it is told, and refuses what is none", () =>
      Effect.gen(function*() {
        const policy = yield* base
        const row = only(yield* tuned(policy, { adapter: { ...adapter, target_modules: ["v_proj", "q_proj"] } }))
        const { directory } = yield* filesOf(row.adapter)
        const config: unknown = JSON.parse(readFileSync(join(directory, "adapter_config.json"), "utf8"))
        expect(config).toMatchObject({ target_modules: ["q_proj", "v_proj"] })
        expect(yield* messageOf(tuned(policy, { adapter: { target_modules: ["lm_head"] } }))).toContain("q_proj")
        expect(yield* messageOf(tuned(policy, { adapter: { target_modules: [] } }))).toContain("at least one of q_proj")
      }))
  })

  describe("a policy with an adapter", () => {
    it.effect("samples with it, and update trains it on, over the same checkpoint", () =>
      Effect.gen(function*() {
        const policy = yield* base
        const adapted = yield* tuned(policy)
        expect((yield* sampled(adapted)).rows()[0]?.token_log_prob).not.toEqual(
          (yield* sampled(policy)).rows()[0]?.token_log_prob
        )
        const row = only(yield* updated(adapted))
        expect(row).toMatchObject({ origin: "update", steps: 1, checkpoint: only(policy).checkpoint })
        expect(row.adapter).not.toBe(only(adapted).adapter)
        expect(row.policy_id).not.toBe(only(adapted).policy_id)
        expect(only(yield* updated(adapted, { adapter })).adapter).toBe(row.adapter)
      }))

    it.effect("over quantised weights says so, and is sampled and trained on over these", () =>
      Effect.gen(function*() {
        const policy = yield* base
        const quantised = { adapter: { ...adapter, base_weights: "int4" } }
        const adapted = yield* tuned(policy, quantised)
        const row = only(adapted)
        expect(row).toMatchObject({ base_weights: "int4", checkpoint: only(policy).checkpoint })
        expect(row.step_loss[0]).not.toBe(only(yield* tuned(policy)).step_loss[0])
        const onward = only(yield* updated(adapted))
        expect(onward).toMatchObject({ base_weights: "int4", checkpoint: row.checkpoint, steps: 1 })
        // The same adapter over other weights is another policy, and samples otherwise.
        const plain = { ...row, base_weights: null, policy_id: "plain" }
        const [own, other] = [
          yield* sampled(adapted),
          yield* sampled(yield* Table.fromRows(Policy, [plain]))
        ]
        expect(own.rows()[0]?.token_log_prob).not.toEqual(other.rows()[0]?.token_log_prob)
        expect(yield* messageOf(updated(adapted, { adapter: { ...adapter, base_weights: "int8" } }))).toContain(
          "adapter.base_weights asks for int8, and the policy was made over weights in int4"
        )
      }))

    it.effect("may be quantised from the checkpoint on, and then takes an adapter alone", () =>
      Effect.gen(function*() {
        const quantised = yield* runNode(Checkpoint, Policy, { path: checkpointPath("llama3"), base_weights: "int4" })
        const { checkpoint, policy_id } = only(quantised)
        expect(only(yield* base)).toMatchObject({ checkpoint, base_weights: null, policy_id: checkpoint })
        expect(policy_id).not.toBe(checkpoint)
        // The log-probs at sampling are those that training starts from.
        const row = only(yield* updated(quantised, { adapter }))
        expect(row).toMatchObject({ checkpoint, base_weights: "int4" })
        const candidates = (yield* sampled(quantised)).rows()
        const terms = candidates.map(({ candidate, token_log_prob }) =>
          (candidate === 0 ? 1 : -1) * token_log_prob.reduce((sum, value) => sum + value, 0)
        )
        expect(row.step_loss[0]).toBeCloseTo(-terms.reduce((sum, term) => sum + term, 0) / 4, 3)
        expect(yield* messageOf(updated(quantised))).toContain(
          "adapter is not given, and the policy's linear layers are quantised to int4"
        )
      }))

    it.effect("comes in as PEFT saved it, beside its base", () =>
      Effect.gen(function*() {
        const given = only(
          yield* runNode(Checkpoint, Policy, { path: checkpointPath("llama3"), adapter: adapterPath("llama3-all") })
        )
        const plain = only(yield* base)
        expect(given.checkpoint).toBe(plain.checkpoint)
        expect(given.policy_id).not.toBe(plain.policy_id)
        expect((yield* filesOf(given.adapter)).names).toContain("adapter_model.safetensors")
        const foreign = runNode(Checkpoint, Policy, {
          path: checkpointPath("llama3"),
          adapter: adapterPath("qwen2-all")
        })
        expect(yield* messageOf(foreign)).toContain("qwen2-all")
      }))

    it.effect("stays what it was without a step", () =>
      Effect.gen(function*() {
        const adapted = yield* tuned(yield* base)
        const none = yield* pairsTable([])
        const row = only(yield* runNode(ReflectiveSft, Policy, sft, { policy: adapted, pairs: none }))
        const { adapter, checkpoint, policy_id } = only(adapted)
        expect(row).toMatchObject({ steps: 0, adapter, checkpoint, policy_id })
      }))

    it.effect("refuses another form of adapter, and another base under it", () =>
      Effect.gen(function*() {
        const adapted = yield* tuned(yield* base)
        expect(yield* messageOf(updated(adapted, { adapter: { ...adapter, rank: 8 } }))).toContain(
          "asks for rank 8, and the policy's adapter has 4"
        )
        expect(yield* messageOf(updated(adapted, { adapter: { ...adapter, base_weights: "int4" } }))).toContain(
          "adapter.base_weights asks for int4, and the policy was made over weights as they are stored"
        )
      }))
  })
})
