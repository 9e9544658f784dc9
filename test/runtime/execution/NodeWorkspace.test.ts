import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { nodeWorkspace, STALE_DAYS } from "../../../runtime/execution/NodeWorkspace.ts"

const newStore = () => mkdtempSync(join(tmpdir(), "gemflow-workspace-"))

/** What is left of all keys: folders and locks. */
const left = (store: string) =>
  existsSync(join(store, "partial")) ? readdirSync(join(store, "partial"), { recursive: true }).toSorted() : []

/** An execution that leaves a note and does not succeed. */
const unfinished = (store: string, key: string, note: string) =>
  Effect.scoped(Effect.gen(function*() {
    const folder = yield* (yield* nodeWorkspace(store, key)).folder
    writeFileSync(join(folder, "note"), note)
    return folder
  }))

describe("the workspace of a node", () => {
  it.effect("is not there until it is asked for", () =>
    Effect.gen(function*() {
      const store = newStore()
      const { discard } = yield* nodeWorkspace(store, "key")
      yield* discard
      expect(left(store)).toEqual([])
    }).pipe(Effect.scoped))

  it.effect("keeps what an execution left, for the next of that key, until one succeeds", () =>
    Effect.gen(function*() {
      const store = newStore()
      yield* unfinished(store, "key", "half done")
      yield* unfinished(store, "other", "another")
      const { discard, folder } = yield* nodeWorkspace(store, "key")
      expect(readFileSync(join(yield* folder, "note"), "utf8")).toBe("half done")
      expect(yield* folder).toBe(yield* folder)
      yield* discard
      expect(left(store)).toEqual(["other", "other/0", "other/0.lock", "other/0/note"])
    }).pipe(Effect.scoped))

  it.effect("is another for each of several executions at once, of which the first that succeeds leaves the others be", () =>
    Effect.gen(function*() {
      const store = newStore()
      yield* Effect.scoped(Effect.gen(function*() {
        const first = yield* nodeWorkspace(store, "key")
        const second = yield* nodeWorkspace(store, "key")
        expect(yield* first.folder).toBe(join(store, "partial", "key", "0"))
        expect(yield* second.folder).toBe(join(store, "partial", "key", "1"))
        yield* first.discard
        expect(left(store)).toEqual(["key", "key/1", "key/1.lock"])
      }))
      // The second failed. When a third succeeds, nothing of the key is needed any more.
      const third = yield* nodeWorkspace(store, "key")
      expect(yield* third.folder).toBe(join(store, "partial", "key", "0"))
      yield* third.discard
      expect(left(store)).toEqual([])
    }).pipe(Effect.scoped))

  it("of a process that is killed is free for the next, and not before", async () => {
    const store = newStore()
    const script = `
      import { Effect } from "effect"
      import { nodeWorkspace } from "./runtime/execution/NodeWorkspace.ts"
      await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
        console.log(yield* (yield* nodeWorkspace(${JSON.stringify(store)}, "key")).folder)
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 60_000)))
      })))
    `
    const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], {
      cwd: fileURLToPath(new URL("../../..", import.meta.url)),
      stdio: ["ignore", "pipe", "inherit"]
    })
    const folder = await new Promise<string>((resolve) =>
      child.stdout.on("data", (text) => resolve(String(text).trim()))
    )
    writeFileSync(join(folder, "note"), "half done")
    expect(folder).toBe(join(store, "partial", "key", "0"))
    expect(await Effect.runPromise(unfinished(store, "key", "beside"))).toBe(join(store, "partial", "key", "1"))
    const ended = new Promise((resolve) => child.on("exit", (_, signal) => resolve(signal)))
    child.kill("SIGKILL")
    expect(await ended).toBe("SIGKILL")
    const again = await Effect.runPromise(
      Effect.scoped(Effect.gen(function*() {
        const found = yield* (yield* nodeWorkspace(store, "key")).folder
        return [found, readFileSync(join(found, "note"), "utf8")]
      }))
    )
    expect(again).toEqual([folder, "half done"])
  })

  it.effect("is removed when it is stale, by who asks for another, unless somebody is at it", () =>
    Effect.gen(function*() {
      const store = newStore()
      const age = (folder: string, days: number) => {
        const then = Date.now() / 1000 - days * 24 * 60 * 60
        for (const path of [join(folder, "note"), folder]) utimesSync(path, then, then)
      }
      age(yield* unfinished(store, "old", ""), STALE_DAYS + 1)
      age(yield* unfinished(store, "recent", ""), STALE_DAYS - 1)
      const long = yield* (yield* nodeWorkspace(store, "long")).folder
      writeFileSync(join(long, "note"), "")
      age(long, STALE_DAYS + 1)
      mkdirSync(join(store, "partial", "stranger"))
      yield* unfinished(store, "new", "")
      expect(readdirSync(join(store, "partial")).toSorted()).toEqual(["long", "new", "recent"])
      expect(existsSync(join(long, "note"))).toBe(true)
    }).pipe(Effect.scoped))

  it.effect("says what to do when it cannot be made", () =>
    Effect.gen(function*() {
      const store = join(newStore(), "file")
      writeFileSync(store, "")
      const { folder } = yield* nodeWorkspace(store, "key")
      const { message } = yield* Effect.flip(folder)
      expect(message).toMatch(/^Cannot make a folder for unfinished work at .* choose another store with --store\.$/)
    }).pipe(Effect.scoped))
})
