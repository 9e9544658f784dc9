import { printShape } from "./Dimension.ts"
import type { Port, Program } from "./Model.ts"
import { elementCount, type TensorData } from "./TensorData.ts"

interface Request {
  readonly feeds: Readonly<Record<string, TensorData>>
  readonly fetch: ReadonlyArray<string>
  readonly carry?: Readonly<Record<string, string>>
}

/** What is wrong with a request to run a program, in words; undefined when nothing is. */
export const checkRequest = (program: Program, request: Request): string | undefined => {
  const inputs = new Map(program.inputs.map((port) => [port.name, port]))
  const outputs = new Map(program.outputs.map((port) => [port.name, port]))
  const sizes = new Map<string, { readonly size: number; readonly feed: string }>()
  for (const [name, value] of Object.entries(request.feeds)) {
    const port = inputs.get(name)
    if (port === undefined) return `there is no input ${name}; its inputs are ${[...inputs.keys()].join(", ")}`
    const problem = checkFeed(port, value, sizes)
    if (problem !== undefined) return problem
  }
  for (const name of [...request.fetch, ...Object.keys(request.carry ?? {})]) {
    if (!outputs.has(name)) return `there is no output ${name}; its outputs are ${[...outputs.keys()].join(", ")}`
  }
  for (const [from, to] of Object.entries(request.carry ?? {})) {
    const [output, input] = [outputs.get(from), inputs.get(to)]
    if (input === undefined) return `${from} is carried to ${to}, which is not an input`
    if (output?.dtype !== input.dtype || output.shape.length !== input.shape.length) {
      return `the output ${describe(output)} cannot be carried to the input ${describe(input)}`
    }
  }
  return undefined
}

const describe = (port: Port | undefined): string => `${port?.name}: ${port?.dtype}${printShape(port?.shape ?? [])}`

const checkFeed = (
  port: Port,
  value: TensorData,
  sizes: Map<string, { readonly size: number; readonly feed: string }>
): string | undefined => {
  const given = `${value.dtype}${printShape(value.dims)}`
  const fits = value.dtype === port.dtype && value.dims.length === port.shape.length &&
    port.shape.every((dim, axis) => typeof dim === "string" || dim === value.dims[axis])
  if (!fits) return `the input ${describe(port)} was given ${given}`
  if (value.data.length !== elementCount(value.dims)) {
    return `the value for ${port.name} says ${given} but holds ${value.data.length} elements`
  }
  for (const [axis, dim] of port.shape.entries()) {
    const size = value.dims[axis] ?? 0
    const known = sizes.get(String(dim))
    if (typeof dim === "number") continue
    if (known !== undefined && known.size !== size) {
      return `${dim} is ${known.size} in ${known.feed} but ${size} in ${port.name}`
    }
    sizes.set(dim, { size, feed: port.name })
  }
  return undefined
}
