/**
 * Where a node was made, from the stack of `Node.make`: the outermost call in a file of the user's, which is the top level
 * of the module that is being loaded unless the node is made later or elsewhere.
 */
import { dirname, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { filePath } from "../../pipeline/Location.ts"
import { CodeNotTraceable } from "../CodeNotTraceable.ts"
import { madeInside, type Place } from "./Entry.ts"

/**
 * The place in `module` (an absolute path) at which its loading made a node.
 *
 * @throws CodeNotTraceable when another module's code made it, by calling a function of this one
 */
export const definitionPlace = (stack: string, module: string, node: string): Place => {
  const frames = userFrames(stack)
  const outermost = frames.at(-1)
  if (outermost?.file === module) return outermost
  const own = frames.find(({ file }) => file === module)
  if (outermost === undefined) throw madeInside(module, 1, node, "a function")
  if (own !== undefined) {
    throw madeInside(module, own.line, node, `a function that ${outermost.file}:${outermost.line} calls`)
  }
  throw new CodeNotTraceable({
    file: outermost.file,
    line: outermost.line,
    problem: `makes the node "${node}" for the module ${module}, whose code is not what the node runs`,
    remedy: "Pass the import.meta.url of the file that makes the node as its `module`, and export the node there."
  })
}

interface Frame extends Place {
  readonly file: string
}

/** gemflow's own functions call the user's; they are no place of the user's. */
const gemflow = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const userFrames = (stack: string): ReadonlyArray<Frame> => {
  const frames: Array<Frame> = []
  for (const line of stack.split("\n")) {
    // What is below loads modules, for whoever asked first.
    if (line.includes("node:internal/modules/")) break
    const match = /(?:\(|at (?:async )?)((?:file:\/\/|\/|[a-zA-Z]:[\\/]).+?)(?:\?[^?]*)?:(\d+):(\d+)\)?$/.exec(line)
    if (match === null) continue
    const [, url = "", at = "", column = ""] = match
    const file = filePath(url)
    const isUsers = !file.split(/[\\/]/).includes("node_modules") && !file.startsWith(gemflow + sep)
    if (isUsers) frames.push({ file, line: Number(at), column: Number(column) })
  }
  return frames
}
