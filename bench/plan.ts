/** Prints the tables of docs/llama-3-8b-on-a100.md, or with `--write` puts them there. Nothing is measured: it is arithmetic. */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { markdown, tables } from "./plan/Tables.ts"

const page = fileURLToPath(new URL("../docs/llama-3-8b-on-a100.md", import.meta.url))

for (const table of tables) console.log(`${table.name}\n\n${markdown(table)}\n`)

if (process.argv.includes("--write")) {
  const written = tables.reduce(
    (text, table) =>
      text.replace(
        new RegExp(`(<!-- ${table.name} -->\n)[^]*?\n?(<!-- end -->)`),
        (_, before: string, after: string) => `${before}${markdown(table)}\n${after}`
      ),
    readFileSync(page, "utf8")
  )
  writeFileSync(page, written)
}
