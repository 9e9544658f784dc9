/** The tables that only the making of the demo policy needs. */
import { Column, TableType } from "gemflow"

/** Pretraining text: a problem and a worked chain, right or wrong. */
export const Documents = TableType.make("Documents", {
  prompt: Column.utf8({ doc: "The problem." }),
  response: Column.utf8({ doc: "The chain of thought that answers it." })
})

/** A trained tokenizer (one row). */
export const TokenizerFiles = TableType.make("TokenizerFiles", {
  tokenizer: Column.digest({ doc: "Digest of the directory with tokenizer.json and tokenizer_config.json." }),
  vocabulary: Column.int32({ doc: "Number of tokens.", unit: "tokens" })
})

/** Preference pairs as they are written to the data file. */
export const PairRows = TableType.make("PairRows", {
  prompt: Column.utf8({ doc: "The problem." }),
  chosen: Column.utf8({ doc: "The chain that ends in the right answer." }),
  rejected: Column.utf8({ doc: "A chain that ends in a wrong one." }),
  difficulty: Column.utf8({ doc: "easy, medium or hard: how the pair was built." })
})
