import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"

/** A JSON file that make_fixtures.py wrote, decoded. */
export const readFixture = <A>(name: string, schema: Schema.Codec<A, unknown>): A =>
  Schema.decodeUnknownSync(schema)(
    JSON.parse(readFileSync(new URL(`../fixtures/nodes/${name}.json`, import.meta.url), "utf8"))
  )
