/**
 * What the README says is so: every command in it runs, in order, in a copy of the repository with fewer preference pairs,
 * and what it quotes of files is what they say.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { type Checkout, checkout, command, repository } from "./pipelines/Checkout.ts"

const readme = readFileSync(join(repository, "README.md"), "utf8")

const blocks = (language: string): ReadonlyArray<string> =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, "g"))].map((match) => match[1] ?? "")

const commands = blocks("sh").flatMap((block) => block.trim().split("\n"))

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
      const [program = "", ...args] = line.split(" ")
      const ended = await command(project.root, program, args)
      expect(ended.err).not.toContain("gemflow: error")
      expect(ended.code, `${ended.out}\n${ended.err}`).toBe(0)
      if (line.includes(" plan ")) expect(ended.out).toContain("lambda")
      if (line.includes(" export ")) expect(existsSync(join(project.root, "aligned-policy", "model.safetensors"))).toBe(true)
      if (line === "npm start") {
        expect(ended.out).toContain("gem round 4")
        expect((await command(project.root, program, args)).out).toBe(ended.out)
      }
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
      expect(existsSync(join(repository, target)), target).toBe(true)
    }
  })
})
