import type { DType } from "../DType.ts"
import type { Tensor } from "../Graph.ts"
import { cast } from "./Logic.ts"

/** The type that sums, exponentials and norms of values of this type are computed in: float32 for the 16-bit types. */
export const wideType = (dtype: DType): DType => dtype === "float16" || dtype === "bfloat16" ? "float32" : dtype

/** The same values in that type. */
export const wide = (x: Tensor): Tensor => cast(x, wideType(x.dtype))

/** A function computed in the wide type and rounded once, at its end. */
export const inWideType = (x: Tensor, f: (x: Tensor) => Tensor): Tensor => cast(f(wide(x)), x.dtype)
