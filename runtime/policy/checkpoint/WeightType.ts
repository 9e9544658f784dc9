/** The types weights are stored and computed in, and their bytes from one to another. */
import * as Result from "effect/Result"

/** Types a weight may be stored in, by safetensors' names, and their names in programs. */
export const storedTypes = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const
export type StoredType = keyof typeof storedTypes

/** The type that a program computes in. */
export type WeightType = (typeof storedTypes)[StoredType]

export const isStoredType = (dtype: string): dtype is StoredType => Object.hasOwn(storedTypes, dtype)

/** The name of a type in files. */
export const storedAs: Readonly<Record<WeightType, StoredType>> = { float32: "F32", float16: "F16", bfloat16: "BF16" }

export const bytesOf: Readonly<Record<WeightType, number>> = { float32: 4, float16: 2, bfloat16: 2 }

/**
 * Numbers in another type, rounded to nearest, ties to even; from 16 bits to 32 nothing is lost.
 *
 * @param bytes whole numbers, aligned for their type.
 * @returns the bytes, or the first finite number that is beyond what the type can hold.
 */
export const convertWeights = (
  from: WeightType,
  to: WeightType,
  bytes: Uint8Array<ArrayBuffer>
): Result.Result<Uint8Array<ArrayBuffer>, number> => {
  if (from === to) return Result.succeed(bytes)
  const bits = floatBits(from, bytes)
  if (to === "float32") return Result.succeed(new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength))
  const round = to === "float16" ? bitsToHalf : bitsToBrain
  const converted = new Uint16Array(bits.length)
  for (let i = 0; i < bits.length; i++) {
    const before = bits[i] ?? 0
    const after = round(before)
    if ((after & 0x7fff) === infinity[to] && (before & 0x7fffffff) < 0x7f800000) {
      return Result.fail(new Float32Array(Uint32Array.of(before).buffer)[0] ?? Infinity)
    }
    converted[i] = after
  }
  return Result.succeed(new Uint8Array(converted.buffer))
}

const infinity = { float16: 0x7c00, bfloat16: 0x7f80 } as const

/** Numbers as the bits of float32. */
const floatBits = (from: WeightType, bytes: Uint8Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
  const { buffer, byteLength, byteOffset } = bytes
  if (from === "float32") return new Uint32Array(buffer, byteOffset, byteLength / 4)
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2)
  const bits = new Uint32Array(halves.length)
  if (from === "bfloat16") {
    // bfloat16 is the upper half of a float32.
    for (let i = 0; i < halves.length; i++) bits[i] = (halves[i] ?? 0) << 16
  } else {
    const table = halfTable()
    for (let i = 0; i < halves.length; i++) bits[i] = table[halves[i] ?? 0] ?? 0
  }
  return bits
}

let halves: Uint32Array | undefined

/** The float32 bits of every float16. */
const halfTable = (): Uint32Array => halves ??= Uint32Array.from({ length: 2 ** 16 }, (_, half) => halfToBits(half))

const halfToBits = (half: number): number => {
  const sign = (half & 0x8000) << 16
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0x1f) return sign | 0x7f800000 | fraction << 13
  if (exponent !== 0) return sign | (exponent + 112) << 23 | fraction << 13
  if (fraction === 0) return sign
  // A subnormal half is a normal float: its highest bit becomes the implicit one.
  const shift = Math.clz32(fraction) - 21
  return sign | (113 - shift) << 23 | (fraction << shift & 0x3ff) << 13
}

const bitsToBrain = (bits: number): number =>
  (bits & 0x7fffffff) > 0x7f800000
    ? bits >>> 16 | 0x40
    : (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16 & 0xffff

const bitsToHalf = (bits: number): number => {
  const sign = bits >>> 16 & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude >= 0x38800000) return sign | (magnitude - 0x38000000 + 0xfff + (magnitude >>> 13 & 1)) >>> 13
  if (magnitude < 0x33000000) return sign
  // A subnormal: a whole number of 2^-24.
  const shift = 126 - (magnitude >>> 23)
  const mantissa = magnitude & 0x7fffff | 0x800000
  return sign | (mantissa + (1 << shift - 1) - 1 + (mantissa >>> shift & 1)) >>> shift
}
