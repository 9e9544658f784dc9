/**
 * A byte-level BPE tokenizer in HuggingFace's tokenizer.json form, trained on a text file.
 *
 * A word or a sign takes the space before the following digit with it ("First ", " + ", " = "), so every digit is one bare
 * token: the policy meets the same ten digits everywhere. All 256 bytes are in the vocabulary, so any text encodes.
 */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { byteLevelAlphabet } from "tokenizers"

/** Special tokens; they take the first ids, in this order. */
export const specialTokens = ["<|bos|>", "<|eos|>", "<|pad|>", "<|user|>", "<|assistant|>"] as const

const pieces = String.raw` ?\p{L}+(?: (?=\p{N}))?| ?[^\s\p{L}\p{N}]+(?: (?=\p{N}))?|\p{N}|\s+`

const preTokenizer = {
  type: "Sequence",
  pretokenizers: [
    { type: "Split", pattern: { Regex: pieces }, behavior: "Isolated", invert: false },
    { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false }
  ]
}

const file = (vocabulary: Readonly<Record<string, number>>, merges: ReadonlyArray<readonly [string, string]>) => ({
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: specialTokens.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true
  })),
  normalizer: null,
  pre_tokenizer: preTokenizer,
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: vocabulary,
    merges
  }
})

/** Numbers tokens from 0: the special tokens, the bytes, then what each merge makes. */
const number = (merges: ReadonlyArray<readonly [string, string]>): Record<string, number> => {
  const tokens = [...specialTokens, ...byteLevelAlphabet().toSorted(), ...merges.map(([left, right]) => left + right)]
  return Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]))
}

interface TrainedFile {
  readonly model: { readonly merges: ReadonlyArray<readonly [string, string]> }
}

/**
 * Learns merges from a text file and gives the content of tokenizer.json. The binding's own trainer knows no special tokens
 * and no initial alphabet, so it learns the merges and this numbers the vocabulary.
 *
 * @param scratch a folder for intermediate files.
 */
export const trainBytePairEncoding = (
  corpus: string,
  scratch: string
): { readonly content: string; readonly vocabulary: number } => {
  const untrained = join(scratch, "untrained.json")
  const trained = join(scratch, "trained.json")
  writeFileSync(untrained, JSON.stringify(file({}, [])))
  const script = fileURLToPath(new URL("./trainMerges.ts", import.meta.url))
  execFileSync(process.execPath, [script, untrained, corpus, trained], { stdio: "ignore" })
  const { model }: TrainedFile = JSON.parse(readFileSync(trained, "utf8"))
  const vocabulary = number(model.merges)
  return {
    content: JSON.stringify(file(vocabulary, model.merges), undefined, 1),
    vocabulary: Object.keys(vocabulary).length
  }
}
