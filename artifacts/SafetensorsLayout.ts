/** Where the tensors of a safetensors file that is yet to be written will lie. */
import * as Result from "effect/Result"
import {
  dtypeBits,
  type HeaderFault,
  lengthBytes,
  type SafetensorsDtype,
  type SafetensorsTensor,
  tensorBytes
} from "./SafetensorsHeader.ts"

export interface TensorShape {
  readonly dtype: SafetensorsDtype
  readonly shape: ReadonlyArray<number>
}

export interface Layout {
  /** The file's first bytes: the header and its length. */
  readonly header: Uint8Array
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>
}

/**
 * By falling element size, then by name, as the format's own writer does: each tensor is aligned, and where one lies
 * depends on names, types and shapes alone.
 */
export const layoutOf = (
  tensors: ReadonlyMap<string, TensorShape>,
  metadata: Readonly<Record<string, string>> = {}
): Result.Result<Layout, HeaderFault> => {
  const ordered = [...tensors].toSorted(([a, { dtype: x }], [b, { dtype: y }]) =>
    dtypeBits[y] - dtypeBits[x] || (a < b ? -1 : a > b ? 1 : 0)
  )
  const places = new Map<string, SafetensorsTensor>()
  let end = 0
  for (const [tensor, { dtype, shape }] of ordered) {
    if (tensor === "__metadata__") return Result.fail({ tensor, problem: "no tensor can have this name" })
    const length = tensorBytes(dtype, shape)
    if (length === undefined) return Result.fail({ tensor, problem: `its shape [${shape.join(", ")}] is too large` })
    places.set(tensor, { dtype, shape, offset: end, length })
    end += length
  }
  const entries = [...places].map(([name, { dtype, length, offset, shape }]) =>
    [name, { dtype, shape, data_offsets: [offset, offset + length] }] as const
  )
  const about = Object.keys(metadata).length === 0 ? [] : [["__metadata__", metadata] as const]
  const json = Buffer.from(JSON.stringify(Object.fromEntries([...about, ...entries])))
  // Spaces behind the header align the data to 8 bytes.
  const header = Buffer.alloc(lengthBytes + Math.ceil(json.length / 8) * 8, " ")
  header.writeBigUInt64LE(BigInt(header.length - lengthBytes))
  json.copy(header, lengthBytes)
  const shifted = [...places].map(([name, place]) =>
    [name, { ...place, offset: place.offset + header.length }] as const
  )
  return Result.succeed({ header, tensors: new Map(shifted) })
}

/** Why bytes are not the tensor's, as a clause. */
export const sizeProblem = ({ dtype, shape }: TensorShape, expected: number | undefined, found: number): string =>
  `its shape [${shape.join(", ")}] of ${dtype} needs ${expected ?? "too many"} bytes, not ${found}`
