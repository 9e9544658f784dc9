/**
 * pro: preference ranking optimisation (Song et al. 2023, equations 6 to 9). A step over a batch of lists y_1 .. y_n, best
 * first, minimises the mean of
 *
 *     - sum_(k<n) log( exp(p_k / T_k^k) / (exp(p_k / T_k^k) + sum_(i>k) exp(p_i / T_k^i)) ) + sft_weight (n - 1)^2 sft
 *
 * with p_k the mean log-prob of y_k's tokens, 1 / T_k^i = r_k - r_i of rewards, 1 / T_k^k the largest of them over i > k, and
 * sft = - log pi(y_1 | x). There is no reference policy. `held_out` gives eval_ curves of the same loss.
 *
 * @errors NotOnePolicy, OtherBaseWeights, PolicyRequestError, TrainingDiverged, SessionError, CheckpointError
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Node, TableType } from "gemflow"
import { Policy, RankedResponses } from "gemflow/artifacts"
import { adapterField } from "./config/Adapter.ts"
import { devicesOf, trainingDevices } from "./config/Devices.ts"
import { evaluateEverySteps } from "./config/Evaluation.ts"
import { Count, NonNegative, optional, Positive } from "./config/Field.ts"
import { optimiserFields, optimiserOf } from "./config/Optimiser.ts"
import { openInput, PolicyInput } from "./policy/OpenInput.ts"
import { trainObjective } from "./policy/TrainObjective.ts"
import { epochBatches } from "./statistics/EpochBatches.ts"

const Responses = TableType.pick(RankedResponses, "pair_id", "prompt_tokens", "tokens", "reward", "truncated")

export const Pro = Node.make("pro", {
  doc: "Preference ranking optimisation: makes each response of a list likelier than all worse ones.",
  module: import.meta.url,
  config: Schema.Struct({
    sft_weight: optional(
      NonNegative,
      0.05,
      "beta of the paper, its weight 0.05: of the negative log-prob of the best response, times (n - 1)^2."
    ),
    batch_lists: optional(Count, 64, "Lists per optimiser step."),
    ...optimiserFields,
    learning_rate: optional(Positive, 5e-6, "Largest learning rate; 5e-6 in the paper."),
    evaluate_every_steps: evaluateEverySteps,
    adapter: adapterField,
    devices: trainingDevices
  }),
  inputs: { policy: PolicyInput, responses: Responses, held_out: Node.many(Responses) },
  output: Policy,
  determinism: "seeded",
  device: true,
  devices: devicesOf,
  run: Effect.fn("Pro.run")(function*({ config, inputs, progress }) {
    const { pro, rankingItems } = yield* Effect.promise(() => import("../runtime/policy/loss/Pro.ts"))
    const { files, policy } = yield* openInput(inputs.policy, config.adapter?.base_weights)
    const rows = inputs.responses.rows()
    const lists = listsOf(rows)
    const heldOut = listsOf(inputs.held_out.flatMap((table) => table.rows()))
    const candidates = [...lists, ...heldOut].reduce((most, { responses }) => Math.max(most, responses.length), 2)
    const objective = pro({ candidates, sftWeight: config.sft_weight })
    return yield* trainObjective({
      policy,
      files,
      adapter: config.adapter,
      objective,
      steps: epochBatches(lists, config.batch_lists, config).map(rankingItems),
      evaluate: { objective, items: rankingItems(heldOut), everySteps: config.evaluate_every_steps },
      optimiser: optimiserOf(config),
      origin: "pro",
      truncated: rows.filter(({ truncated }) => truncated).length,
      progress
    })
  })
})

const listsOf = (rows: ReadonlyArray<TableType.Row<typeof Responses>>) =>
  [...Map.groupBy(rows, ({ pair_id }) => pair_id).values()].map((list) => ({
    prompt: list[0]?.prompt_tokens ?? new Int32Array(0),
    responses: list.map(({ reward, tokens }) => ({ tokens, reward }))
  }))
