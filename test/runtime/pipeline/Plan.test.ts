import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { NodeKey, OwnKey } from "../../../runtime/pipeline/Key.ts"
import { fromInstances, type NodeInstance, type Pipeline } from "../../../runtime/pipeline/Pipeline.ts"
import { decide, type Decision, type Environment, plan, type StoredOutput } from "../../../runtime/pipeline/Plan.ts"
import { ancestorsOf, randomPipeline, step } from "./randomPipeline.ts"

/** A world in which nodes ran: what is stored, and with which keys. Outputs depend on the key, unless told otherwise. */
class World {
  readonly stored = new Map<string, StoredOutput>()
  readonly previous = new Map<string, NodeKey>()
  readonly own = new Map<string, Partial<OwnKey>>()
  readonly forced = new Set<string>()
  lookups = 0

  readonly environment: Environment = {
    own: (instance) => Effect.succeed({ ...ownOf(instance), ...this.own.get(instance.name) }),
    stored: (digest) =>
      Effect.sync(() => {
        this.lookups++
        return this.stored.get(digest)
      }),
    previous: ({ name }) => Effect.succeed(this.previous.get(name)),
    forced: ({ name }) => this.forced.has(name)
  }

  /** Runs what is stale, deciding each node when its inputs are known, as the executor does. Gives what was executed. */
  readonly run = Effect.fnUntraced(function*(this: World, pipeline: Pipeline, output: (decision: Decision) => string) {
    const columns = new Map<string, Record<string, string>>()
    const executed: Array<string> = []
    for (const instance of pipeline.nodes) {
      const decision: Decision = yield* decide(instance, this.environment, (upstream) => columns.get(upstream))
      const { key, keyDigest } = decision
      if (key === undefined || keyDigest === undefined) throw new Error(`${instance.name} was decided too early`)
      const result = decision.output ??
        { digest: output(decision), columns: columnsOf(output(decision)), present: true }
      if (decision.status === "stale") executed.push(instance.name)
      this.stored.set(keyDigest, { ...result, present: true })
      this.previous.set(instance.name, key)
      columns.set(instance.name, { ...result.columns })
    }
    return executed
  })
}

const ownOf = (instance: NodeInstance): OwnKey => ({
  node: instance.node.name,
  code: { digest: "code", parts: { "nodes/Step.ts": "code" } },
  packages: { effect: "4.1.0" },
  // The name stands for a config by which instances differ.
  config: { name: instance.name },
  files: {},
  output: "output"
})

const columnsOf = (digest: string) => ({ candidate_id: digest, score: digest })
const byKey = ({ keyDigest }: Decision) => keyDigest ?? ""

const diamond = fromInstances("diamond", [step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"), step("e")])

const reasons = (decisions: ReadonlyArray<Decision>) =>
  Object.fromEntries(decisions.map(({ node, reasons }) => [
    node,
    reasons.map(({ details, reason }) => details.length === 0 ? reason : `${reason}: ${details.join(", ")}`)
  ]))

describe("plan", () => {
  it.effect("of a pipeline that never ran is stale throughout", () =>
    Effect.gen(function*() {
      expect(reasons(yield* plan(diamond, new World().environment))).toEqual({
        a: ["never-run"],
        b: ["never-run", "upstream: a"],
        c: ["never-run", "upstream: a"],
        d: ["never-run", "upstream: b, c"],
        e: ["never-run"]
      })
    }))

  it.effect("of a pipeline that ran is cached throughout, with the stored outputs", () =>
    Effect.gen(function*() {
      const world = new World()
      yield* world.run(diamond, byKey)
      const decisions = yield* plan(diamond, world.environment)
      expect(decisions.map(({ status }) => status)).toEqual(["cached", "cached", "cached", "cached", "cached"])
      expect(decisions.every(({ keyDigest, output }) => output?.digest === keyDigest)).toBe(true)
    }))

  it.effect("names every reason", () =>
    Effect.gen(function*() {
      const changes: ReadonlyArray<readonly [Partial<OwnKey>, string]> = [
        [{ code: { digest: "new", parts: { "nodes/Step.ts": "new" } } }, "code: nodes/Step.ts changed"],
        [{ config: { name: "b", lambda: 0.5 } }, "config: lambda added (0.5)"],
        [{ files: { path: "1" } }, "file: path added"],
        [{ packages: { effect: "5" } }, "package: effect 4.1.0 -> 5"],
        [{ numerics: { provider: "cuda" } }, "numerics: provider added (cuda)"]
      ]
      for (const [change, reason] of changes) {
        const world = new World()
        yield* world.run(diamond, byKey)
        world.own.set("b", change)
        expect(reasons(yield* plan(diamond, world.environment))).toEqual({
          a: [],
          b: [reason],
          c: [],
          d: ["upstream: b"],
          e: []
        })
      }
    }))

  it.effect("tells own changes beside upstream ones", () =>
    Effect.gen(function*() {
      const world = new World()
      yield* world.run(diamond, byKey)
      world.own.set("a", { files: { path: "1" } })
      world.own.set("d", { config: { name: "dd" } })
      world.forced.add("e")
      expect(reasons(yield* plan(diamond, world.environment))).toEqual({
        a: ["file: path added"],
        b: ["upstream: a"],
        c: ["upstream: a"],
        d: ["config: name d -> dd", "upstream: b, c"],
        e: ["forced"]
      })
    }))

  it.effect("names changed inputs once they are known, and rewired ones", () =>
    Effect.gen(function*() {
      const world = new World()
      yield* world.run(diamond, byKey)
      const rewired = fromInstances("diamond", [
        step("a"),
        step("b", "a"),
        step("c", "a"),
        step("d", "b", "b"),
        step("e")
      ])
      expect(reasons(yield* plan(rewired, world.environment))["d"]).toEqual([
        "input: steps[1].candidate_id changed, steps[1].score changed"
      ])
    }))

  it.effect("runs again what was stored and is lost", () =>
    Effect.gen(function*() {
      const world = new World()
      yield* world.run(diamond, byKey)
      for (const [digest, output] of world.stored) world.stored.set(digest, { ...output, present: false })
      expect(reasons(yield* plan(diamond, world.environment))["a"]).toEqual(["artifact-missing"])
      world.stored.clear()
      expect(reasons(yield* plan(diamond, world.environment))["a"]).toEqual(["artifact-missing"])
    }))

  it.effect("finds what it stored before its last change", () =>
    Effect.gen(function*() {
      const world = new World()
      yield* world.run(diamond, byKey)
      world.own.set("b", { config: { name: "b", lambda: 0.5 } })
      expect(yield* world.run(diamond, byKey)).toEqual(["b", "d"])
      world.own.delete("b")
      expect((yield* plan(diamond, world.environment)).every(({ status }) => status === "cached")).toBe(true)
    }))

  it.effect("finds what another instance stored under an equal key", () =>
    Effect.gen(function*() {
      const world = new World()
      yield* world.run(fromInstances("one", [step("a")]), byKey)
      world.own.set("z", { config: { name: "a" } })
      const [decision] = yield* plan(fromInstances("two", [step("z")]), world.environment)
      expect(decision?.status).toBe("cached")
    }))

  it.effect("looks each key up once and is linear: 10,000 nodes in a chain, planned in well under a second", () =>
    Effect.gen(function*() {
      const count = 10_000
      const chain = fromInstances(
        "chain",
        Array.from({ length: count }, (_, i) => i === 0 ? step("n0") : step(`n${i}`, `n${i - 1}`))
      )
      const world = new World()
      yield* world.run(chain, byKey)
      world.lookups = 0
      const start = performance.now()
      const decisions = yield* plan(chain, world.environment)
      expect(decisions.filter(({ status }) => status === "cached").length).toBe(count)
      expect(world.lookups).toBe(count)
      // About 0.3 s on one busy core; a quadratic walk takes minutes.
      expect(performance.now() - start).toBeLessThan(5_000)
    }))
})

describe("decide", () => {
  it.effect("cuts off below a node that ran again with equal output", () =>
    Effect.gen(function*() {
      const world = new World()
      yield* world.run(diamond, ({ node }) => node)
      world.own.set("a", { code: { digest: "new", parts: {} } })
      expect((yield* plan(diamond, world.environment)).filter(({ status }) => status === "stale").length).toBe(4)
      expect(yield* world.run(diamond, ({ node }) => node)).toEqual(["a"])
      expect(yield* world.run(diamond, ({ node }) => node)).toEqual([])
    }))

  it.effect.prop(
    "executes after a change exactly the changed node and, where outputs differ, its descendants",
    { random: randomPipeline, pick: Schema.Int },
    Effect.fnUntraced(function*({ pick, random }) {
      const target = random.nodes.at(pick % (random.nodes.length || 1))?.name
      if (target === undefined) return
      const names = random.nodes.map(({ name }) => name)
      const world = new World()
      expect(yield* world.run(random, byKey)).toEqual(names)
      expect(yield* world.run(random, byKey)).toEqual([])
      world.own.set(target, { config: { changed: true } })
      const affected = names.filter((name) => name === target || ancestorsOf(random, name).has(target))
      const stale = (yield* plan(random, world.environment)).filter(({ status }) => status === "stale")
      expect(stale.map(({ node }) => node)).toEqual(affected)
      expect(yield* world.run(random, byKey)).toEqual(affected)
    })
  )
})
