/**
 * `npm run bench:dataflow`: gemflow beside what people use today to run again only what has to be, in one run on the machine
 * at hand. What is compared is measured in turns; figures are medians with the smallest and the largest. Nothing here decides
 * a test.
 */
import { availableParallelism, cpus, totalmem } from "node:os"
import { parseArguments } from "./Arguments.ts"
import { rows } from "./rows/Rows.ts"

const given = parseArguments(process.argv.slice(2))
if (typeof given === "string") {
  console.error(given)
  process.exitCode = 1
} else {
  const gib = (totalmem() / 2 ** 30).toFixed(0)
  console.log(
    `${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} cores, ${gib} GiB, Node ${process.version}`
  )
  const { only, repetitions } = given
  const wanted = (name: string) => only === undefined || name.toLowerCase().includes(only.toLowerCase())
  for (const name of given.rows) {
    console.log(`\n${name}`)
    for await (const line of rows.get(name)?.({ repetitions, wanted }) ?? []) console.log(`  ${line}`)
  }
}
