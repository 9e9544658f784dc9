/** Columns that several table types share, so that a prompt is described the same way everywhere. */
import * as Column from "./Column.ts"

/** The chat messages of a prompt, oldest first. */
export const prompt = Column.list(
  Column.struct({
    role: Column.utf8({ doc: "Who speaks: system, user or assistant." }),
    content: Column.utf8({ doc: "What is said." })
  }),
  { doc: "The prompt as chat messages, oldest first." }
)

export const promptId = Column.utf8({ doc: "Digest of the prompt's messages: equal prompts have equal ids.", id: true })

export const candidateId = Column.utf8({
  doc: "`<prompt_id>:<candidate>`, the stable id of a sampled response.",
  id: true
})

export const promptTokens = Column.list(Column.int32(), {
  doc: "Token ids of the prompt as the policy read it.",
  unit: "token ids"
})

export const candidate = Column.int32({ doc: "Index of the response among those of its prompt, from 0." })

export const difficulty = Column.utf8({ doc: "Label of the pair's difficulty, when the data has one.", nullable: true })

export const policyLabel = Column.utf8({ doc: "What the pipeline calls this policy: base, sft, gem ..." })
