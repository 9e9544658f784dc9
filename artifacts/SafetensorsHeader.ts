/** The header of a safetensors file: parsed from bytes that may say anything. Format: huggingface/safetensors, README. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { jsonDuplicateKey } from "./JsonDuplicateKey.ts"

/** Bits of one element, by the name that the format gives its type. */
export const dtypeBits = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64
} as const
export type SafetensorsDtype = keyof typeof dtypeBits

/** A tensor as the header describes it. */
export interface SafetensorsTensor {
  readonly dtype: SafetensorsDtype
  readonly shape: ReadonlyArray<number>
  /** Where its bytes begin in the file, and how many they are. */
  readonly offset: number
  readonly length: number
}

/** What a checked file holds: no two tensors overlap, none leaves the file, and no byte of it belongs to none. */
export interface SafetensorsHeader {
  readonly path: string
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>
  readonly metadata: Readonly<Record<string, string>>
}

/** The file starts with the header's length, an unsigned integer of 64 bits. */
export const lengthBytes = 8

/** The largest header that readers of the format accept. */
export const largestHeader = 100_000_000

/** What is wrong with a header, as a clause, and with which tensor. */
export interface HeaderFault {
  readonly tensor?: string
  readonly problem: string
}

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const Entry = Schema.Struct({
  dtype: Schema.Literals([
    "BOOL",
    "U8",
    "I8",
    "F8_E5M2",
    "F8_E4M3",
    "F8_E8M0",
    "I16",
    "U16",
    "F16",
    "BF16",
    "I32",
    "U32",
    "F32",
    "I64",
    "U64",
    "F64",
    "C64"
  ]),
  shape: Schema.Array(Count),
  data_offsets: Schema.Tuple([Count, Count])
})
const Metadata = Schema.Record(Schema.String, Schema.String)
const decodeEntry = Schema.decodeUnknownResult(Entry)
const decodeMetadata = Schema.decodeUnknownResult(Metadata)

/** Bytes of a tensor of a shape, if that is a number at all. */
export const tensorBytes = (dtype: SafetensorsDtype, shape: ReadonlyArray<number>): number | undefined => {
  const bytes = shape.reduce((product, length) => product * length, dtypeBits[dtype] / 8)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/**
 * The tensors and metadata of a header.
 *
 * @param json the header's bytes, after its length
 * @param dataStart where the tensors' bytes begin in the file
 * @param dataBytes how many bytes the file has from there
 */
export const parseHeader = (
  json: Uint8Array,
  dataStart: number,
  dataBytes: number
): Result.Result<Omit<SafetensorsHeader, "path">, HeaderFault> => {
  const entries = parseJsonObject(json)
  if (Result.isFailure(entries)) return Result.fail({ problem: entries.failure })
  const tensors = new Map<string, SafetensorsTensor>()
  let metadata: Readonly<Record<string, string>> = {}
  for (const [name, entry] of entries.success) {
    if (name === "__metadata__") {
      const decoded = decodeMetadata(entry)
      if (Result.isFailure(decoded)) return Result.fail({ problem: "its __metadata__ holds something other than text" })
      metadata = decoded.success
      continue
    }
    const decoded = decodeEntry(entry)
    if (Result.isFailure(decoded)) return Result.fail({ tensor: name, problem: oneLine(decoded.failure.message) })
    const { data_offsets: [begin, end], dtype, shape } = decoded.success
    const expected = tensorBytes(dtype, shape)
    if (expected !== end - begin) {
      const size = `its shape [${shape.join(", ")}] of ${dtype} needs ${expected ?? "too many"} bytes`
      return Result.fail({
        tensor: name,
        problem: `${size}, but its data_offsets ${begin} to ${end} hold ${end - begin}`
      })
    }
    tensors.set(name, { dtype, shape, offset: dataStart + begin, length: end - begin })
  }
  const fault = layoutFault(tensors, dataStart, dataBytes)
  return fault === undefined ? Result.succeed({ tensors, metadata }) : Result.fail(fault)
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim()

const parseJsonObject = (json: Uint8Array): Result.Result<ReadonlyArray<[string, unknown]>, string> => {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json)
    const value: unknown = JSON.parse(text)
    if (!text.startsWith("{") || typeof value !== "object" || value === null) {
      return Result.fail("its header is no object")
    }
    const twice = jsonDuplicateKey(text)
    return twice === undefined ? Result.succeed(Object.entries(value)) : Result.fail(`its header names ${twice} twice`)
  } catch (error) {
    return Result.fail(`its header is not JSON (${error instanceof Error ? error.message : String(error)})`)
  }
}

/** Tensors, in the order of their bytes, must follow each other without a gap from the first byte to the last. */
const layoutFault = (
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  dataStart: number,
  dataBytes: number
): HeaderFault | undefined => {
  let end = dataStart
  let previous = "the header"
  for (const [name, tensor] of [...tensors].toSorted(([, a], [, b]) => a.offset - b.offset || a.length - b.length)) {
    if (tensor.offset + tensor.length > dataStart + dataBytes) {
      const missing = tensor.offset + tensor.length - dataStart - dataBytes
      return { tensor: name, problem: `its bytes end ${missing} bytes beyond the end of the file, which is cut short` }
    }
    if (tensor.offset < end) return { tensor: name, problem: `its bytes overlap those of ${previous}` }
    if (tensor.offset > end) {
      return { tensor: name, problem: `${tensor.offset - end} bytes between it and ${previous} belong to no tensor` }
    }
    end += tensor.length
    previous = name
  }
  const rest = dataStart + dataBytes - end
  return rest === 0 ? undefined : { problem: `its last ${rest} bytes belong to no tensor` }
}
