/** The element types of tensors: their ONNX codes and how JavaScript holds them. */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int8"
  | "int32"
  | "int64"
  | "uint8"
  | "bool"

export type TensorArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array

interface Element {
  /** `TensorProto.DataType` of the ONNX format. */
  readonly code: number
  readonly bytes: number
  readonly floating: boolean
  readonly array: { new(buffer: ArrayBufferLike, byteOffset: number, length: number): TensorArray }
}

const element = (code: number, bytes: number, floating: boolean, array: Element["array"]): Element => ({
  code,
  bytes,
  floating,
  array
})

/** float16 and bfloat16 are held as their 16 bits; bool as one byte per element. */
export const elements: Readonly<Record<DType, Element>> = {
  float32: element(1, 4, true, Float32Array),
  float64: element(11, 8, true, Float64Array),
  float16: element(10, 2, true, Uint16Array),
  bfloat16: element(16, 2, true, Uint16Array),
  int8: element(3, 1, false, Int8Array),
  int32: element(6, 4, false, Int32Array),
  int64: element(7, 8, false, BigInt64Array),
  uint8: element(2, 1, false, Uint8Array),
  bool: element(9, 1, false, Uint8Array)
}

/** Whether gradients flow through tensors of this type. */
export const isFloating = (dtype: DType): boolean => elements[dtype].floating
