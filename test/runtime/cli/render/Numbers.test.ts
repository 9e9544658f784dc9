import { expect, it } from "@effect/vitest"
import {
  formatDuration,
  formatInterval,
  formatNumber,
  formatRate,
  formatWhole
} from "../../../../runtime/cli/render/Numbers.ts"

it("numbers are short and say what matters", () => {
  expect([0, 4, 12345, -3, 0.83333, 17.5, 1234.5, 0.00001234, NaN].map(formatNumber))
    .toEqual(["0", "4", "12,345", "-3", "0.833", "17.5", "1,235", "1.23e-5", "NaN"])
  expect(formatInterval(0.8312, 0.7791, 0.8733)).toBe("0.83 [0.78, 0.87]")
  expect(formatInterval(0.83123, 0.83012, 0.83234)).toBe("0.8312 [0.8301, 0.8323]")
})

it("durations are as long as they need to be", () => {
  expect([3, 940, 2149, 59_960, 185_000, 3_725_000].map(formatDuration))
    .toEqual(["3 ms", "940 ms", "2.1 s", "1 min 00 s", "3 min 05 s", "1 h 02 min"])
  expect([-5, 940, 26_400, 59_700, 3_725_000].map(formatWhole)).toEqual([
    "0 s",
    "1 s",
    "26 s",
    "1 min 00 s",
    "1 h 02 min"
  ])
})

it("rates are of a second, a minute or an hour, so that they are not below one", () => {
  expect([12345.6, 32.04, 1, 0.5, 0.001].map(formatRate)).toEqual(["12,300/s", "32/s", "1/s", "30/min", "3.60/h"])
})
