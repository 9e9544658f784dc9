import { create, toBinary } from "@bufbuild/protobuf"
import type { Shape } from "./Dimension.ts"
import { type DType, elements } from "./DType.ts"
import { type Attribute, type Graph, type Node, type Parameter, type Tensor } from "./Graph.ts"
import { GraphError } from "./GraphError.ts"
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema
} from "./proto/onnx_pb.ts"
import { rawBytes } from "./TensorData.ts"

/** IR 10 with opset 21: the newest pair for which onnxruntime's graph optimisations know every op we emit. */
const irVersion = 10n
const opset = 21n

/** A name, type and shape at the edge of a program. */
export interface Port {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
}

/** A program ready to run: an ONNX model and what it takes and gives. */
export interface Program {
  readonly name: string
  readonly model: Uint8Array
  readonly inputs: ReadonlyArray<Port>
  readonly outputs: ReadonlyArray<Port>
}

export interface SerialiseOptions {
  /** Opsets of other domains that the program uses, such as `{ "com.microsoft": 1 }`. */
  readonly domains?: Readonly<Record<string, number>>
  /**
   * Names of loop bodies that get the weights they read from files as their own. onnxruntime repacks for its matrix kernels
   * only weights of the very graph that multiplies by them: worth it on the CPU where few rows meet each weight again and
   * again. There the file is mapped and read by both; a GPU would hold the weights twice.
   */
  readonly ownWeights?: ReadonlyArray<string>
}

/** Turns a graph into an ONNX model. Only what the outputs need is kept. */
export const serialise = (graph: Graph, options: SerialiseOptions = {}): Program => {
  const used = usedNodes(graph)
  refuseUnknownDomains(graph.name, used, options.domains ?? {})
  const names = outputNames(graph)
  const model = create(ModelProtoSchema, {
    irVersion,
    producerName: "gemflow",
    opsetImport: [
      { domain: "", version: opset },
      ...Object.entries(options.domains ?? {}).map(([domain, version]) => ({ domain, version: BigInt(version) }))
    ],
    graph: graphProto(graph, { used, names, owners: options.ownWeights ?? [] })
  })
  return {
    name: graph.name,
    model: toBinary(ModelProtoSchema, model),
    inputs: graph.inputs.map(port),
    outputs: graph.outputs.map(({ name, tensor }) => ({ ...port(tensor), name }))
  }
}

const port = ({ dtype, name, shape }: Tensor): Port => ({ name, dtype, shape })

/** The nodes that outputs depend on, in loop bodies and branches too. */
export const usedNodes = (graph: Graph): ReadonlySet<Node> => {
  const used = new Set<Node>()
  const pending = graph.outputs.map(({ tensor }) => tensor)
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    const node = tensor.producer
    if (node === undefined || used.has(node)) continue
    used.add(node)
    pending.push(...node.inputs.filter((input) => input !== undefined))
    for (const body of bodies(node)) pending.push(...body.outputs.map(({ tensor }) => tensor))
  }
  return used
}

const bodies = (node: Node): ReadonlyArray<Graph> =>
  Object.values(node.attributes).flatMap((attribute) => "graph" in attribute ? [attribute.graph] : [])

/**
 * ONNX names an output by the value that is the output. A value that is one output takes its name; one that already
 * has a name to keep (an input, a weight, another output) passes through Identity.
 */
const outputNames = (graph: Graph): ReadonlyMap<Tensor, string> => {
  const names = new Map<Tensor, string>()
  for (const { name, tensor } of graph.outputs) {
    if (tensor.producer !== undefined && !names.has(tensor)) names.set(tensor, name)
  }
  return names
}

interface Serialising {
  readonly used: ReadonlySet<Node>
  readonly names: ReadonlyMap<Tensor, string>
  /** Names of bodies with weights of their own. */
  readonly owners: ReadonlyArray<string>
}

const graphProto = (graph: Graph, serialising: Serialising): GraphProto => {
  const { names, owners, used } = serialising
  const nodes = graph.nodes.filter((node) => used.has(node))
  const read = new Set(graph.kind === "program" ? everythingRead(serialising, graph) : [])
  const readHere = new Set(owners.includes(graph.name) ? nodes.flatMap((node) => node.inputs) : [])
  const own = new Map(
    graph.root.parameters.filter((parameter) => isInFile(parameter) && readHere.has(parameter.tensor)).map((
      { source, tensor }
    ) => [tensor, { source, tensor, name: `${tensor.name} of ${graph.name}` }])
  )
  const nameOf = (tensor: Tensor) => own.get(tensor)?.name ?? names.get(tensor) ?? tensor.name
  const copies = graph.kind === "program"
    ? graph.outputs.filter(({ name, tensor }) => nameOf(tensor) !== name)
    : []
  return create(GraphProtoSchema, {
    name: graph.name,
    node: [
      ...nodes.map((node) =>
        create(NodeProtoSchema, {
          name: node.name,
          opType: node.op,
          domain: node.domain,
          input: node.inputs.map((tensor) => tensor === undefined ? "" : nameOf(tensor)),
          output: node.outputs.map(nameOf),
          attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value, serialising))
        })
      ),
      ...copies.map(({ name, tensor }) =>
        create(NodeProtoSchema, { name: `output ${name}`, opType: "Identity", input: [nameOf(tensor)], output: [name] })
      )
    ],
    initializer: [
      ...graph.parameters.filter(({ tensor }) => read.has(tensor)).map((parameter) =>
        initializer(parameter, parameter.tensor.name)
      ),
      ...[...own.values()].map(({ name, ...parameter }) => initializer(parameter, name))
    ],
    input: graph.inputs.map((tensor) => valueInfo(tensor.name, tensor)),
    output: graph.outputs.map(({ name, tensor }) => valueInfo(graph.kind === "program" ? name : nameOf(tensor), tensor))
  })
}

const everythingRead = ({ owners, used }: Serialising, graph: Graph): ReadonlyArray<Tensor | undefined> => {
  const inFile = new Set<Tensor | undefined>(graph.parameters.filter(isInFile).map(({ tensor }) => tensor))
  return [
    ...[...used].flatMap((node) =>
      owners.includes(node.graph.name) ? node.inputs.filter((tensor) => !inFile.has(tensor)) : node.inputs
    ),
    ...graph.outputs.map(({ tensor }) => tensor)
  ]
}

const isInFile = ({ source }: Parameter): boolean => "location" in source

const attributeProto = (
  name: string,
  value: Attribute,
  serialising: Serialising
): AttributeProto => {
  if ("int" in value) return create(AttributeProtoSchema, { name, type: 2, i: BigInt(value.int) })
  if ("ints" in value) return create(AttributeProtoSchema, { name, type: 7, ints: value.ints.map(BigInt) })
  if ("float" in value) return create(AttributeProtoSchema, { name, type: 1, f: value.float })
  if ("string" in value) {
    return create(AttributeProtoSchema, { name, type: 3, s: new TextEncoder().encode(value.string) })
  }
  return create(AttributeProtoSchema, { name, type: 5, g: graphProto(value.graph, serialising) })
}

const initializer = ({ source, tensor }: Parameter, name: string) => {
  const about = { name, dataType: elements[tensor.dtype].code, dims: tensor.shape.map(BigInt) }
  if ("data" in source) return create(TensorProtoSchema, { ...about, rawData: rawBytes(source) })
  const { length, location, offset } = source
  return create(TensorProtoSchema, {
    ...about,
    dataLocation: 1,
    externalData: [
      { key: "location", value: location },
      { key: "offset", value: `${offset}` },
      { key: "length", value: `${length}` }
    ]
  })
}

const valueInfo = (name: string, { dtype, shape }: Tensor): ValueInfoProto =>
  create(ValueInfoProtoSchema, {
    name,
    type: {
      tensorType: {
        elemType: elements[dtype].code,
        shape: {
          dim: shape.map((dim) => ({
            value: typeof dim === "number"
              ? { case: "dimValue" as const, value: BigInt(dim) }
              : { case: "dimParam" as const, value: dim }
          }))
        }
      }
    }
  })

const refuseUnknownDomains = (
  name: string,
  used: ReadonlySet<Node>,
  domains: Readonly<Record<string, number>>
): void => {
  for (const node of used) {
    if (node.domain !== "" && domains[node.domain] === undefined) {
      throw new GraphError({
        op: node.op,
        place: node.place,
        operands: [],
        problem: `is of the opset ${node.domain}, whose version serialise(${name}) was not given`
      })
    }
  }
}
