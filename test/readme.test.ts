/**
 * What the README says is so: every command in it runs, in order, in a copy of the repository with fewer preference pairs,
 * and what it quotes of files is what they say.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { type Checkout, checkout, command, type Ended, repository } from "./pipelines/Checkout.ts"

const readme = readFileSync(join(repository, "README.md"), "utf8")

const blocks = (language: string): ReadonlyArray<string> =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, "g"))].map((match) => match[1] ?? "")

const commands = blocks("sh").flatMap((block) => block.trim().split("\n"))

interface Outcome {
  readonly ended: Ended
  readonly run: () => Promise<Ended>
  readonly root: string
}

/** The words of a command, as a shell cuts it: what stands between single quotes is one. */
const words = (line: string): ReadonlyArray<string> =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "")

const nothing = () => undefined

/** What a command must do beside ending well, by subcommand. */
const expectations: Readonly<Record<string, (outcome: Outcome) => void | Promise<void>>> = {
  "npm start": async ({ ended, run }) => {
    expect(ended.out).toContain("gem round 4")
    expect((await run()).out).toBe(ended.out)
  },
  plan: ({ ended }) => expect(ended.out).toContain("config: lambda 0.1 -> 0.5"),
  export: ({ root }) => expect(existsSync(join(root, "aligned-policy", "model.safetensors"))).toBe(true)
}

describe("README", () => {
  let project: Checkout
  beforeAll(() => {
    project = checkout()
    const data = "pipelines/demo/preference-pairs.jsonl"
    const few = readFileSync(join(project.root, data), "utf8").split("\n").slice(0, 24).join("\n")
    project.write(data, few)
    project.write("my-pairs.jsonl", few)
  })
  afterAll(() => rmSync(project.root, { recursive: true, force: true }))

  it("has commands to run", () => {
    expect(commands[0]).toBe("npm start")
    expect(commands.length).toBeGreaterThan(5)
  })

  for (const line of commands) {
    // `npm test` is what runs this.
    if (line === "npm test") continue
    it(`runs: ${line}`, async () => {
      const [program = "", ...args] = words(line)
      const run = () => command(project.root, program, args)
      const ended = await run()
      expect({ code: ended.code, remarks: ended.code === 0 ? "" : ended.err }).toEqual({ code: 0, remarks: "" })
      await (expectations[line.split(" ")[2] ?? line] ?? nothing)({ ended, run, root: project.root })
    })
  }

  it("quotes the pipeline files as they are", () => {
    const quoted = blocks("ts").map((block) => block.trim())
    expect(quoted).toHaveLength(2)
    const [gem = "", swap = ""] = quoted
    const file = (path: string) => readFileSync(join(repository, path), "utf8")
    expect(gem.length).toBeGreaterThan(500)
    expect(file("pipelines/gem.ts")).toContain(gem)
    expect(swap.length).toBeGreaterThan(50)
    expect(file("pipelines/gem-random-score.ts")).toContain(swap)
  })

  it("links to files that are there", () => {
    for (const [, target = ""] of readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      expect({ target, exists: existsSync(join(repository, target)) }).toEqual({ target, exists: true })
    }
  })
})
