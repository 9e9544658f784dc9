/** The weights file of a checkpoint: model.safetensors, as tensors of programs. */
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { fromBytes, tensorData, type TensorData, toNumbers } from "../onnx/TensorData.ts"
import { CheckpointError } from "./CheckpointError.ts"

/** Types a weight may be stored in, and how programs hold them before they are made float32. */
export const storedTypes = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const
export type StoredType = keyof typeof storedTypes

export interface StoredTensor {
  readonly dtype: string
  readonly shape: ReadonlyArray<number>
  /** Where its bytes begin in the file, and how many they are. */
  readonly offset: number
  readonly length: number
}

// TEMPORARY until artifacts/Safetensors.ts is there
export const readTensors = Effect.fnUntraced(function*(path: string) {
  const bytes = yield* Effect.try({ try: () => readFileSync(path), catch: (c) => new CheckpointError({ path, place: "", problem: String(c), remedy: "" }) })
  const n = Number(bytes.readBigUInt64LE(0))
  const header: Record<string, { dtype: string; shape: Array<number>; data_offsets: [number, number] }> = JSON.parse(bytes.subarray(8, 8 + n).toString())
  return new Map(Object.entries(header).filter(([k]) => k !== "__metadata__").map(([k, v]): [string, StoredTensor] => [k, { dtype: v.dtype, shape: v.shape, offset: 8 + n + v.data_offsets[0], length: v.data_offsets[1] - v.data_offsets[0] }]))
})
export const readFloat32 = Effect.fnUntraced(function*(path: string, tensors: ReadonlyMap<string, StoredTensor>) {
  const bytes = yield* Effect.sync(() => readFileSync(path))
  return new Map([...tensors].map(([name, t]): [string, TensorData] => {
    const raw = fromBytes(storedTypes[t.dtype as StoredType], t.shape, Uint8Array.from(bytes.subarray(t.offset, t.offset + t.length)))
    return [name, raw.dtype === "float32" ? raw : tensorData("float32", t.shape, toNumbers(raw))]
  }))
})
export const writeFloat32 = (path: string, tensors: ReadonlyMap<string, TensorData>) => Effect.sync(() => {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } }
  let at = 0
  for (const [k, v] of tensors) { header[k] = { dtype: "F32", shape: v.dims, data_offsets: [at, at + v.data.byteLength] }; at += v.data.byteLength }
  let text = JSON.stringify(header)
  while (text.length % 8 !== 0) text += " "
  const start = Buffer.alloc(8); start.writeBigUInt64LE(BigInt(text.length))
  writeFileSync(path, Buffer.concat([start, Buffer.from(text), ...[...tensors.values()].map((v) => Buffer.from(v.data.buffer, v.data.byteOffset, v.data.byteLength))]))
})
