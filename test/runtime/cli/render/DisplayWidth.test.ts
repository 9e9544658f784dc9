import { expect, it } from "@effect/vitest"
import { displayWidth as effectWidth } from "effect/cli/CliOutput"
import { displayWidth } from "../../../../runtime/cli/render/DisplayWidth.ts"

it("is as effect measures it, for every character", () => {
  const different: Array<string> = []
  for (let code = 0x20; code < 0x11000; code++) {
    // Surrogates are halves of characters.
    if (code >= 0xd800 && code <= 0xdfff) continue
    const character = String.fromCodePoint(code)
    if (displayWidth(character) !== effectWidth(character)) different.push(code.toString(16))
  }
  expect(different).toEqual([])
  for (const text of ["", "plain", "\u001b[1mbold\u001b[0m", "✓ é 漢字 1️⃣ 👩‍👩‍👧", "e\u0301", "▸ ████░░ · …"]) {
    expect(displayWidth(text)).toBe(effectWidth(text))
  }
})
