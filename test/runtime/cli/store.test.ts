import { beforeAll, describe, expect, it } from "@effect/vitest"
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { temporaryProject } from "./TemporaryProject.ts"

const project = temporaryProject()
const other = temporaryProject()

const ask = async (...args: ReadonlyArray<string>) => {
  const { code, err, out } = await project.inProcess(...args)
  expect([code, err]).toEqual([0, ""])
  return out
}
const runs: Array<string> = []
const objects = () => {
  const folder = join(project.root, ".gemflow", "objects")
  return readdirSync(folder).flatMap((shard) => readdirSync(join(folder, shard)))
}

/** As if all that is stored had been stored yesterday. */
const age = () => {
  const yesterday = new Date(Date.now() - 24 * 60 * 60 * 1000)
  const folder = join(project.root, ".gemflow", "objects")
  for (const name of readdirSync(folder, { recursive: true })) {
    utimesSync(join(folder, String(name)), yesterday, yesterday)
  }
  const catalog = new DatabaseSync(join(project.root, ".gemflow", "catalog.sqlite"))
  catalog.prepare("UPDATE actions SET checksum = NULL, created_at = ?").run(yesterday.getTime())
  catalog.close()
}

beforeAll(async () => {
  for (const count of [3, 4]) {
    await project.inProcess("run", "numbers.ts", "--json", "--set", `numbers.count=${count}`)
    runs.push(JSON.parse(await ask("runs", "--json"))[0].run)
  }
  await other.inProcess("run", "numbers.ts", "--json", "--set", "numbers.count=6")
}, 30_000)

describe("gemflow verify", () => {
  it("says that all is as stored", async () => {
    expect(await ask("verify")).toMatch(/^Verified \d+ tables and 0 directories, [\d.]+ kB: all as stored\.\n$/)
  })

  it("executes a sample again, the same for the same seed", async () => {
    const text = await ask("verify", "numbers.ts", "--sample", "2", "--seed", "7", "--set", "numbers.count=4")
    expect(text).toMatch(
      /^node +declared +executed again\n(\S+ +(exact|seeded) +equal\n){2}\n2 results of 5 executed again: 2 equal, 0 not\..*--seed 7\n$/
    )
    const args = ["verify", "numbers.ts", "--sample", "40%", "--seed", "7", "--set", "numbers.count=4", "--json"]
    const { results, sound, verdicts } = JSON.parse(await ask(...args))
    expect({ results, sound, outcomes: verdicts.map(({ outcome }: { outcome: string }) => outcome) })
      .toEqual({ results: 5, sound: true, outcomes: ["equal", "equal"] })
  })

  it.each([
    [["verify", "--sample", "5%"], /--sample 5% needs a pipeline file/],
    [["verify", "numbers.ts", "--sample", "lots"], /a share such as 5%, or a number/],
    [["verify", "numbers.ts", "--sample", "5%", "--select", "nothing"], /nothing/]
  ])("refuses %j", async (args, says) => {
    const { code, err } = await project.inProcess(...args)
    expect(err).toMatch(says)
    expect(code).toBe(2)
  })

  it("names what is damaged, with its node and run", async () => {
    const file = (await ask("show", "numbers.ts", "scale", "--path")).trim()
    const whole = readFileSync(file)
    const bytes = Buffer.from(whole)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    writeFileSync(file, bytes)
    const { code, err, out } = await project.inProcess("verify")
    expect(out).toMatch(new RegExp(`table +[0-9a-f]{8} +quarantined +scale +${runs[1]}`))
    expect(err).toMatch(/1 thing in .* is not as stored.*quarantine\/; run the pipelines again/)
    expect(code).toBe(1)
    await project.inProcess("run", "numbers.ts", "--json", "--set", "numbers.count=4")
    runs.push(JSON.parse(await ask("runs", "--json"))[0].run)
    expect(await ask("verify")).toContain("all as stored")
  })
})

describe("gemflow gc and pin", () => {
  it("tells what would go, keeps what is pinned, and deletes the rest when asked", async () => {
    age()
    const before = objects()
    expect(await ask("gc", "--keep-runs", "1")).toMatch(
      /^would go[\s\S]*runs +2[\s\S]*Kept: 1 run[\s\S]*Delete with: --yes\n$/
    )
    expect(objects()).toEqual(before)
    expect(await ask("pin", runs[0] ?? "", "--label", "paper")).toContain(`Pinned ${runs[0]}`)
    expect(await ask("pin")).toMatch(new RegExp(`${runs[0]} .* paper`))
    const garbage = JSON.parse(await ask("gc", "numbers.ts", "--keep-runs", "1", "--json"))
    expect(garbage).toMatchObject({
      deleted: false,
      runs: [{ run: runs[1] }],
      kept: { runs: 2, pinned: 1, running: 0 }
    })
    expect(await ask("unpin", runs[0]?.slice(0, 20) ?? "")).toContain(`Unpinned ${runs[0]}`)
    expect(await ask("gc", "--keep-runs", "1", "--yes")).toMatch(/^deleted/)
    expect(objects().length).toBeLessThan(before.length)
    expect(JSON.parse(await ask("runs", "--json"))).toHaveLength(1)
    expect(await ask("verify")).toContain("all as stored")
  })

  it("refuses runs that there are not", async () => {
    const { code, err } = await project.inProcess("pin", "20200101")
    expect(err).toMatch(/knows no run 20200101/)
    expect(code).toBe(2)
  })
})

describe("gemflow merge", () => {
  it("takes over another project's results, which a run then finds", async () => {
    expect(await ask("merge", other.root)).toMatch(
      /^Took over \d tables .* 5 results of keys and 1 run; \d tables? were here/
    )
    const { out } = await project.inProcess("plan", "numbers.ts", "--set", "numbers.count=6")
    expect(out).toContain("0 nodes stale, 5 cached")
  })

  it("refuses what is no store", async () => {
    const { code, err } = await project.inProcess("merge", join(project.root, "nodes"))
    expect(err).toMatch(/has no catalog.sqlite. Name the folder of another store/)
    expect(code).toBe(2)
  })
})
