// A thread that owns onnxruntime sessions of one device: `session.run` blocks the thread it is called from.
import { parentPort } from "node:worker_threads"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { cudaFiles, librariesFolder, missingCudaFiles, runtimeFolder } from "./devices/CudaFiles.ts"
import { sessionSettings } from "./devices/SessionSettings.ts"
import { type DType, elements } from "./DType.ts"
import { tellingPart } from "./TellingPart.ts"
import { fromBytes, type TensorData } from "./TensorData.ts"
import type { Numbered, Reply, Request } from "./WorkerProtocol.ts"

if (parentPort === null) throw new Error("SessionWorker.ts is started by Sessions.ts, as a worker thread")
const port = parentPort

interface Open {
  readonly session: InferenceSession
  /** Values that stay here between runs, by the input they are fed to. */
  readonly carried: Map<string, Tensor>
}

const sessions = new Map<number, Open>()
/** Carried values that several sessions share, by the name of their state. */
const states = new Map<string, Map<string, Tensor>>()

const carriedOf = (state: string | undefined): Map<string, Tensor> => {
  const carried = (state === undefined ? undefined : states.get(state)) ?? new Map<string, Tensor>()
  if (state !== undefined) states.set(state, carried)
  return carried
}

const open = async (request: Extract<Request, { ask: "open" }>): Promise<void> => {
  const { device, model, options, weights } = request
  const session = await InferenceSession.create(model, sessionSettings(device, options, weights)).catch((cause) => {
    throw describeFailure(cause, device)
  })
  sessions.set(request.session, { session, carried: carriedOf(request.state) })
}

/** onnxruntime says that the CUDA provider did not load, but not why. */
const describeFailure = (cause: unknown, device: string): unknown => {
  if (!device.startsWith("cuda") || !(cause instanceof Error) || !/load shared library/i.test(cause.message)) {
    return cause
  }
  const missing = missingCudaFiles(cudaFiles(librariesFolder(runtimeFolder())))
  return new Error(`onnxruntime's CUDA provider does not load, for want of ${missing.join(", ") || "a library"}`)
}

const run = async (request: Extract<Request, { ask: "run" }>): Promise<Record<string, TensorData>> => {
  const { carried, session } = found(request.session)
  const feeds: Record<string, Tensor> = {}
  for (const name of session.inputNames) {
    const value = carried.get(name)
    if (value !== undefined) feeds[name] = value
  }
  for (const [name, value] of Object.entries(request.feeds)) feeds[name] = toTensor(value)
  const missing = session.inputNames.filter((name) => feeds[name] === undefined)
  if (missing.length > 0) throw new Error(`no value was given or carried for the inputs ${missing.join(", ")}`)
  const results = await session.run(feeds, [...new Set([...request.fetch, ...Object.keys(request.carry)])])
  for (const [output, input] of Object.entries(request.carry)) {
    const value = results[output]
    const before = carried.get(input)
    if (value !== undefined) carried.set(input, value)
    if (before !== undefined && before !== value) free(before)
  }
  return Object.fromEntries(request.fetch.map((name) => [name, fromTensor(results[name], name, name in request.carry)]))
}

/** Gives memory back at once: the garbage collector may let the weights of several runs stand. */
const free = ({ data }: Tensor): void => {
  if (!ArrayBuffer.isView(data)) return
  const { buffer } = data
  if (buffer instanceof ArrayBuffer && buffer.byteLength === data.byteLength) buffer.transfer(0)
}

const write = (request: Extract<Request, { ask: "write" }>): void => {
  const { carried } = found(request.session)
  for (const [name, value] of Object.entries(request.values)) {
    const before = carried.get(name)
    carried.set(name, toTensor(value))
    if (before !== undefined) free(before)
  }
}

const read = (request: Extract<Request, { ask: "read" }>): Record<string, TensorData> => ({
  value: fromTensor(found(request.session).carried.get(request.input), request.input, true)
})

const close = async (number: number): Promise<void> => {
  const entry = sessions.get(number)
  sessions.delete(number)
  for (const [name, carried] of states) {
    if (![...sessions.values()].some((other) => other.carried === carried)) states.delete(name)
  }
  await entry?.session.release()
}

const found = (number: number): Open => {
  const entry = sessions.get(number)
  if (entry === undefined) throw new Error("the session is closed")
  return entry
}

const toTensor = ({ data, dims, dtype }: TensorData): Tensor => {
  if (dtype === "bfloat16") {
    throw new Error("onnxruntime-node takes no bfloat16 values; feed float32 and cast inside the program")
  }
  return new Tensor(dtype, data, dims)
}

/** Values that stay here as well are copied, the others are moved to the caller. */
const fromTensor = (tensor: Tensor | undefined, name: string, copy: boolean): TensorData => {
  if (tensor === undefined) throw new Error(`there is no value for ${name}`)
  const { data, dims, type } = tensor
  if (!isDType(type) || !ArrayBuffer.isView(data)) {
    throw new Error(`${name} is of the type ${type}, which is not supported`)
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return fromBytes(type, dims, copy ? bytes.slice() : bytes)
}

const isDType = (type: string): type is DType => type in elements

const serve = async (request: Request): Promise<Readonly<Record<string, TensorData>>> => {
  switch (request.ask) {
    case "open":
      await open(request)
      return {}
    case "run":
      return run(request)
    case "write":
      write(request)
      return {}
    case "read":
      return read(request)
    case "close":
      await close(request.session)
      return {}
    case "end":
      for (const number of sessions.keys()) await close(number)
      // With nothing left to listen to, the thread ends by itself.
      port.close()
      return {}
  }
}

const answer = async ({ id, request }: Numbered): Promise<void> => {
  try {
    const values = await serve(request)
    const buffers = Object.values(values).map(({ data }) => data.buffer).filter((buffer) =>
      buffer instanceof ArrayBuffer
    )
    reply({ id, values }, [...new Set(buffers)])
  } catch (cause) {
    reply({ id, problem: tellingPart(cause instanceof Error ? cause.message : String(cause)) }, [])
  }
}

const reply = (message: Reply, transfer: ReadonlyArray<ArrayBuffer>): void => port.postMessage(message, [...transfer])

// One request after the other, in the order they came.
let last: Promise<void> = Promise.resolve()
port.on("message", (message: Numbered) => {
  last = last.then(() => answer(message))
})
