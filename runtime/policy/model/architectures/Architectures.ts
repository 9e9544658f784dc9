import type { Architecture } from "./Architecture.ts"
import { Llama } from "./Llama.ts"
import { Mistral } from "./Mistral.ts"
import { Qwen2 } from "./Qwen2.ts"
import { Qwen3 } from "./Qwen3.ts"

/** The families that gemflow runs. To add one: a file like its neighbours, and a line here. */
export const architectures: ReadonlyArray<Architecture> = [Llama, Qwen2, Qwen3, Mistral]
