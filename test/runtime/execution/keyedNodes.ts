/** Nodes that differ in what their keys hold beside code, config and inputs. */
import { Effect } from "effect"
import * as Schema from "effect/Schema"
import { Column, Node, TableType } from "gemflow"

const Words = TableType.make("Words", { id: Column.utf8(), word: Column.utf8() })
const common = { module: import.meta.url, config: Schema.Struct({}), inputs: {}, output: Words }

export const variable = "GEMFLOW_TEST_WORD"

export const Spoken = Node.make("spoken", {
  ...common,
  determinism: "exact",
  env: [variable],
  run: ({ env }) => Effect.succeed(Object.entries(env).map(([id, word]) => ({ id, word: word ?? "nothing" })))
})
const drawn = { ...common, run: () => Effect.succeed([{ id: "a", word: "b" }]) }
export const Exact = Node.make("exact", { ...drawn, determinism: "exact" })
export const Seeded = Node.make("seeded", { ...drawn, determinism: "seeded" })
export const Sampled = Node.make("sampled", { ...drawn, determinism: "sampled" })
export const OnDevice = Node.make("on-device", { ...drawn, determinism: "exact", device: true })
