/**
 * Learns the merges of an untrained tokenizer, as a process of its own: the binding prints lines on standard output while it
 * trains, where the events of a run belong.
 *
 *     node trainMerges.ts UNTRAINED.json CORPUS.txt TRAINED.json
 */
import { readFileSync } from "node:fs"
import { BPE, Tokenizer } from "tokenizers"

const [untrained, corpus, trained] = process.argv.slice(2)
if (untrained === undefined || corpus === undefined || trained === undefined) {
  throw new Error("three paths are needed: the untrained tokenizer, the corpus, and where the trained one goes")
}
const tokenizer = Tokenizer.fromString(readFileSync(untrained, "utf8"))
tokenizer.setModel(BPE.empty())
tokenizer.train([corpus])
tokenizer.save(trained)
