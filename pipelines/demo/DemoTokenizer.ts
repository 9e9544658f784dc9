/** demo-tokenizer: a byte-level BPE tokenizer trained on the demo corpus, with the demo's chat template. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import { Node } from "gemflow"
import { ArtifactStore } from "gemflow/artifacts"
import { Documents, TokenizerFiles } from "./tables.ts"

/** `<|bos|><|user|>problem<|assistant|>chain<|eos|>` */
const chatTemplate =
  "{{ bos_token }}{% for message in messages %}<|{{ message.role if message.role == 'assistant' else 'user' }}|>"
  + "{{ message.content }}{% if message.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
  + "{% if add_generation_prompt %}<|assistant|>{% endif %}"

const settings = {
  tokenizer_class: "PreTrainedTokenizerFast",
  bos_token: "<|bos|>",
  eos_token: "<|eos|>",
  pad_token: "<|pad|>",
  model_max_length: 512,
  clean_up_tokenization_spaces: false,
  chat_template: chatTemplate
}

export const DemoTokenizer = Node.make("demo-tokenizer", {
  doc: "Trains a byte-level BPE tokenizer on the corpus.",
  module: import.meta.url,
  config: Schema.Struct({ documents: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)) }),
  inputs: { documents: Documents },
  output: TokenizerFiles,
  determinism: "exact",
  run: Effect.fn("DemoTokenizer.run")(function*({ config, inputs }) {
    const { writeFileSync } = yield* Effect.promise(() => import("node:fs"))
    const { trainBytePairEncoding } = yield* Effect.promise(() => import("./bytePairEncoding.ts"))
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const store = yield* ArtifactStore
    const scratch = yield* files.makeTempDirectoryScoped()
    const corpus = path.join(scratch, "corpus.txt")
    const texts = inputs.documents.rows().slice(0, config.documents)
    writeFileSync(corpus, texts.map(({ prompt, response }) => `${prompt}\n${response}`).join("\n"))
    const trained = trainBytePairEncoding(corpus, scratch)
    const directory = yield* files.makeTempDirectoryScoped()
    writeFileSync(path.join(directory, "tokenizer.json"), trained.content)
    writeFileSync(path.join(directory, "tokenizer_config.json"), JSON.stringify(settings, undefined, 2))
    return [{ tokenizer: yield* store.putDirectory(directory), vocabulary: trained.vocabulary }]
  })
})
