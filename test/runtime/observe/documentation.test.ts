import { expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { Event } from "../../../runtime/execution/Event.ts"

const page = readFileSync(new URL("../../../docs/observability.md", import.meta.url), "utf8")
const rows = new Map(
  [...page.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)].map(([, name = "", text = ""]) => [name, text])
)

it("every event and each of its fields is documented, and nothing else is", () => {
  const common = new Set(["type", "node", "kind"])
  const missing = Event.members.flatMap(({ fields }) => {
    const event = fields.type.schema.literal
    const documented = new Set(Array.from((rows.get(event) ?? "").matchAll(/`(\w+)`/g), ([, name]) => name))
    return Object.keys(fields)
      .filter((field) => !common.has(field) && !documented.has(field))
      .map((field) => `${event}.${field}`)
  })
  expect(missing).toEqual([])
  const types = new Set<string>(Event.members.map(({ fields }) => fields.type.schema.literal))
  expect([...rows.keys()].filter((name) => /^(Run|Node|Partition|Artifact)/.test(name) && !types.has(name))).toEqual([])
})

it("environment variables that are read are documented", () => {
  const sources = ["observe/Listeners.ts", "cli/render/Style.ts", "cli/render/ChooseRenderer.ts"]
  for (const source of sources) {
    const text = readFileSync(new URL(`../../../runtime/${source}`, import.meta.url), "utf8")
    for (const [, name = ""] of text.matchAll(/environment\["(\w+)"\]/g)) expect(page).toContain(name)
  }
})
