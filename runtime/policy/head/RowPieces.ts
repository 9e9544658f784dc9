import { dimAt } from "../../onnx/Broadcast.ts"
import { type Dim, multiplyDims, type Shape, subtractDims } from "../../onnx/Dimension.ts"
import { emit, fail, type Graph, scalar, type Tensor } from "../../onnx/Graph.ts"
import { add, div, maximum, sub } from "../../onnx/ops/Arithmetic.ts"
import { loop } from "../../onnx/ops/Control.ts"
import { zeros } from "../../onnx/ops/Fill.ts"
import { gather } from "../../onnx/ops/Index.ts"
import { concat, slice } from "../../onnx/ops/Join.ts"
import { flatten, reshape } from "../../onnx/ops/Layout.ts"
import { wideType } from "../../onnx/ops/Precision.ts"
import { dimension, extent } from "../../onnx/ops/Shape.ts"
import { present } from "../Present.ts"

type Tensors<Name extends string> = Readonly<Record<Name, Tensor>>

export interface RowMap<In extends string, Out extends string> {
  /** Tensors [rows, ...] with the same rows; the body gets rows of each. Rows of zeros may be added. */
  readonly rows: Tensors<In>
  /** The most rows at a time; all of them when left out. */
  readonly most?: number | undefined
  /** Shapes of what is summed over all pieces, in the wide type of the first. */
  readonly sums: Readonly<Record<string, Shape>>
  readonly body: (rows: Tensors<In>) => { readonly rows: Tensors<Out>; readonly sums: Tensors<string> }
}

/** Applies a function to rows piece by piece, in a Loop: what it gives per row is put together, its sums are added up. */
export const mapRows = <In extends string, Out extends string>(
  { body, most, rows, sums }: RowMap<In, Out>
): { readonly rows: Tensors<Out>; readonly sums: Tensors<string> } => {
  const [first] = Object.values<Tensor>(rows)
  if (first === undefined) return fail("mapRows", [], "needs rows")
  if (most === undefined) return body(rows)
  const { graph } = first
  const count = dimAt(first, 0)
  const pieces = typeof count === "number" ? pieceSizes(count, most) : pieceSymbols(graph, count, most)
  const missing = subtractDims(multiplyDims(pieces.count, pieces.size), count)
  const cut = each(rows, (x) => {
    const rest = x.shape.slice(1)
    const filled = missing === 0 ? x : concat([x, zeros(graph, x.dtype, [missing, ...rest])], 0)
    return reshape(filled, [pieces.count, pieces.size, ...rest])
  })
  const { scan, state } = loop({
    name: "pieces",
    trips: extent(graph, pieces.count),
    state: each(sums, (shape) => zeros(graph, wideType(first.dtype), shape)),
    body: (index, state) => {
      const result = body(each(cut, (x) => gather(x, index)))
      return { state: each(state, (sum, name) => add(sum, present(result.sums[name], name))), scan: result.rows }
    }
  })
  return { rows: each(scan, (x) => slice(flatten(x, 0, 2), 0, 0, count)), sums: state }
}

const each = <Name extends string, A, B>(
  record: Readonly<Record<Name, A>>,
  f: (value: A, name: Name) => B
): Readonly<Record<Name, B>> =>
  Object.fromEntries(
    Object.entries<A>(record).map(([name, value]) => [name, f(value, name as Name)])
  ) as Record<Name, B>

/** The fewest pieces of at most `most` rows, all of one size, so that fewer rows are added than there are pieces. */
const pieceSizes = (rows: number, most: number): { readonly count: Dim; readonly size: Dim } => {
  const count = Math.max(1, Math.ceil(rows / most))
  return { count, size: Math.ceil(rows / count) }
}

/** The same at run time, as symbols: the dimensions of an empty tensor that is made to be asked for them. */
const pieceSymbols = (graph: Graph, rows: string, most: number): { readonly count: Dim; readonly size: Dim } => {
  const all = dimension(graph, rows)
  const count = maximum(div(add(all, most - 1), most), 1)
  const size = div(add(all, sub(count, 1)), count)
  const symbols = { count: graph.symbol("pieces"), size: graph.symbol("piece") }
  emit({
    op: "Expand",
    inputs: [scalar(graph, "float32", 0), concat([count, size, dimension(graph, 0)], 0)],
    dtype: "float32",
    shape: [symbols.count, symbols.size, 0]
  })
  return symbols
}
