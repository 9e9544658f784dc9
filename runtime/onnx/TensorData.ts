import { type DType, elements, type TensorArray } from "./DType.ts"

/** The values of one tensor, row-major: what goes into a session and what comes out. */
export interface TensorData {
  readonly dtype: DType
  readonly dims: ReadonlyArray<number>
  readonly data: TensorArray
}

export const elementCount = (dims: ReadonlyArray<number>): number => dims.reduce((n, dim) => n * dim, 1)

/** Values as a tensor of this type; for bool, 0 is false. Throws a RangeError when there are not as many as `dims` ask for. */
export const tensorData = (dtype: DType, dims: ReadonlyArray<number>, values: Iterable<number>): TensorData => {
  const source = Array.from(values)
  if (source.length !== elementCount(dims)) {
    throw new RangeError(`a tensor [${dims}] holds ${elementCount(dims)} values, not ${source.length}`)
  }
  return { dtype, dims, data: packed(dtype, source) }
}

export const float32 = (dims: ReadonlyArray<number>, values: Iterable<number>) => tensorData("float32", dims, values)
export const int64 = (dims: ReadonlyArray<number>, values: Iterable<number>) => tensorData("int64", dims, values)

/** The values as plain numbers (int64 beyond 2^53 loses precision; float16 and bfloat16 are decoded). */
export const toNumbers = (tensor: TensorData): ReadonlyArray<number> => {
  if (tensor.dtype === "bfloat16") return numbers(tensor.data).map((bits) => bitsToFloat(bits << 16))
  if (tensor.dtype === "float16") return numbers(tensor.data).map(halfToFloat)
  return numbers(tensor.data)
}

const packed = (dtype: DType, values: ReadonlyArray<number>): TensorArray => {
  switch (dtype) {
    case "float32":
      return Float32Array.from(values)
    case "float64":
      return Float64Array.from(values)
    case "int8":
      return Int8Array.from(values)
    case "int32":
      return Int32Array.from(values)
    case "int64":
      return BigInt64Array.from(values, (value) => BigInt(value))
    case "uint8":
      return Uint8Array.from(values)
    case "bool":
      return Uint8Array.from(values, (value) => value === 0 ? 0 : 1)
    case "bfloat16":
      return Uint16Array.from(values, floatToBrain)
    case "float16":
      return Uint16Array.from(values, floatToHalf)
  }
}

/** The bytes of a tensor as ONNX stores them (little-endian, as every platform onnxruntime runs on). */
export const rawBytes = (tensor: TensorData): Uint8Array =>
  new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength)

/** A typed view over bytes; copies only when the bytes are not aligned for the type. */
export const fromBytes = (dtype: DType, dims: ReadonlyArray<number>, bytes: Uint8Array): TensorData => {
  const { array, bytes: size } = elements[dtype]
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  return { dtype, dims, data: new array(aligned.buffer, aligned.byteOffset, aligned.byteLength / size) }
}

const scratch = new DataView(new ArrayBuffer(4))

const bitsToFloat = (bits: number): number => {
  scratch.setInt32(0, bits)
  return scratch.getFloat32(0)
}

const floatToBits = (value: number): number => {
  scratch.setFloat32(0, value)
  return scratch.getUint32(0)
}

/** bfloat16 is the upper half of a float32, rounded to nearest even. */
const floatToBrain = (value: number): number => {
  const bits = floatToBits(value)
  if (Number.isNaN(value)) return 0x7fc0
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

const halfToFloat = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** Rounds to nearest, ties to even, as the IEEE conversion does. */
const floatToHalf = (value: number): number => {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude >= 65520) return sign | 0x7c00
  const exponent = Math.max(Math.floor(Math.log2(magnitude || 2 ** -30)), -14)
  const scaled = magnitude / 2 ** (exponent - 10)
  const floor = Math.floor(scaled)
  const rounded = scaled - floor > 0.5 || (scaled - floor === 0.5 && floor % 2 === 1) ? floor + 1 : floor
  // A fraction that rounds up to 2048 carries into the exponent, which the addition does by itself.
  return sign | (rounded < 1024 ? rounded : ((exponent + 14) << 10) + rounded)
}

const numbers = (data: TensorArray): ReadonlyArray<number> =>
  data instanceof BigInt64Array ? Array.from(data, Number) : Array.from(data)
