import { describe, expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { locate, parseFrame, renderLocation } from "../../../runtime/pipeline/Location.ts"

describe("parseFrame", () => {
  it.each([
    ["    at f (file:///dir/gem.ts:12:3)", "/dir/gem.ts", 12],
    ["    at file:///dir/gem.ts:12:3", "/dir/gem.ts", 12],
    ["    at async file:///dir/a%20b/gem.ts?t=5:12:3", "/dir/a b/gem.ts", 12],
    ["    at f (file:///dir(1)/gem.ts:7:1)", "/dir(1)/gem.ts", 7],
    ["    at file:///C:/dir/gem.ts:7:1", "C:/dir/gem.ts", 7],
    ["    at new f (/dir/gem.ts:7:1)", "/dir/gem.ts", 7],
    ["    at C:\\dir\\gem.ts:7:1", "C:\\dir\\gem.ts", 7]
  ])("reads %o", (frame, file, line) => {
    expect(parseFrame(`Error: mine\n${frame}\n    at later (file:///other.ts:1:1)`)).toEqual({ file, line })
  })

  it("knows when there is no place", () => {
    expect(parseFrame("Error\n    at <anonymous>")).toBeUndefined()
    expect(renderLocation(undefined)).toBe("an unknown place")
  })
})

describe("locate", () => {
  it("gives the place of the call, not of what was called", () => {
    const called = () => locate(called)
    const place = called()()
    expect(place?.file).toMatch(/Location\.test\.ts$/)
    expect(place?.line).toBe(lineOf("const place = called()()"))
  })
})

const source = readFileSync(import.meta.filename, "utf8")
const lineOf = (text: string) => source.split("\n").findIndex((line) => line.trim() === text) + 1
