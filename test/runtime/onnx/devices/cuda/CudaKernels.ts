/** The kernels of onnxruntime's CUDA provider, as extract.py listed them. */
import { readFileSync } from "node:fs"
import type { Node } from "../../../../../runtime/onnx/Graph.ts"

interface Op {
  /** Per input and output a type variable or a type; "..." after one that repeats. */
  readonly inputs: ReadonlyArray<string>
  readonly outputs: ReadonlyArray<string>
  /** What each kernel allows its type variables to be. */
  readonly kernels: ReadonlyArray<Readonly<Record<string, ReadonlyArray<string>>>>
  /** Indices of inputs and outputs that lie in CPU memory; absent where extract.py has no example of the op. */
  readonly hostInputs?: ReadonlyArray<number>
  readonly hostOutputs?: ReadonlyArray<number>
}

interface Kernels {
  readonly onnxruntime: string
  readonly ops: Readonly<Record<string, Op>>
}

const kernels: Kernels = JSON.parse(readFileSync(new URL("./kernels.json", import.meta.url), "utf8"))

/** The version of onnxruntime the list is of. */
export const version = kernels.onnxruntime

export const fullName = ({ domain, op }: Pick<Node, "domain" | "op">): string => domain === "" ? op : `${domain}.${op}`

const opOf = (node: Node): Op | undefined => kernels.ops[fullName(node)]

/** Whether the CUDA provider has a kernel for this node's op and types. */
export const hasKernel = (node: Node): boolean => {
  const op = opOf(node)
  if (op === undefined) return false
  const typed = [
    ...node.inputs.flatMap((tensor, index) => tensor === undefined ? [] : [[op.inputs, index, tensor.dtype] as const]),
    ...node.outputs.map((tensor, index) => [op.outputs, index, tensor.dtype] as const)
  ]
  return op.kernels.some((kernel) =>
    typed.every(([formals, index, dtype]) => {
      const formal = (formals[index] ?? formals.at(-1) ?? "").replace("...", "")
      const allowed = kernel[formal]
      // A formal that no kernel constrains is either one fixed type, or left open.
      return allowed === undefined || allowed.includes(dtype)
    })
  )
}

/** Whether extract.py has looked where this op's inputs and outputs lie. */
export const isProbed = (node: Node): boolean => opOf(node)?.hostInputs !== undefined

export const isHostInput = (node: Node, index: number): boolean => opOf(node)?.hostInputs?.includes(index) ?? false
export const isHostOutput = (node: Node, index: number): boolean => opOf(node)?.hostOutputs?.includes(index) ?? false
