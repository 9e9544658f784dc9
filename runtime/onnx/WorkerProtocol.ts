import type { TensorData } from "./TensorData.ts"

/** How sessions compute. The defaults are what measured best for training and generation on CPU. */
export interface SessionOptions {
  /** How far onnxruntime rewrites the graph. Default "all". */
  readonly optimisation?: "disabled" | "basic" | "extended" | "all"
  /** Threads within an op. Default: the number of cores, shared among the workers on the CPU. */
  readonly threads?: number
  /** Keep freed CPU memory for the next op, which is faster and holds the peak of the run. Default true. */
  readonly arena?: boolean
  /** Repack weights for the matrix kernels: faster products for a copy of each weight. Default true. */
  readonly prepack?: boolean
}

/** What the service asks of a worker. One session is told by its number. */
export type Request =
  | {
    readonly ask: "open"
    readonly session: number
    readonly model: Uint8Array
    readonly device: string
    readonly weights: string | undefined
    /** Sessions of a worker with the same name here share their carried values. */
    readonly state: string | undefined
    readonly options: SessionOptions
  }
  | {
    readonly ask: "run"
    readonly session: number
    readonly feeds: Readonly<Record<string, TensorData>>
    readonly fetch: ReadonlyArray<string>
    readonly carry: Readonly<Record<string, string>>
  }
  | { readonly ask: "write"; readonly session: number; readonly values: Readonly<Record<string, TensorData>> }
  | { readonly ask: "read"; readonly session: number; readonly input: string }
  | { readonly ask: "close"; readonly session: number }
  | { readonly ask: "end" }

/** Its answer, matched to the request by `id`. Requests are served in order. */
export type Reply =
  | { readonly id: number; readonly values: Readonly<Record<string, TensorData>> }
  | { readonly id: number; readonly problem: string }

export interface Numbered {
  readonly id: number
  readonly request: Request
}
