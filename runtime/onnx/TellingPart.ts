/**
 * What is worth reading of a message of onnxruntime's: one line without a full stop, without the places in its own sources
 * that it names first, and of a failed CUDA call only what failed.
 */
export const tellingPart = (message: string): string => {
  const line = message.replaceAll(/\s+/g, " ").trim()
  const cuda = /\b(CUDA|CUDNN|CUBLAS) failure (\d+): ([^;]*?) ; .*?expr=([^;]*)/.exec(line)
  const telling = cuda === null
    ? line.replaceAll(sourcePlace, "")
    : `${before(line)}${cuda[1]} failure ${cuda[2]}: ${cuda[3]} (${cuda[4]?.trim()})`
  return telling.replace(/[.\s]+$/, "")
}

/** `/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t)` */
const sourcePlace =
  /(?:[A-Za-z]:)?[\\/]\S*onnxruntime[\\/]\S*\.(?:cc|cu|h):\d+ (?:[^()]*? )?onnxruntime::[^\s(]*\([^)]*\)(?: const)?(?: \[[^\]]*\])? /g

/** Which node was running, where onnxruntime says it: "Non-zero status code returned while running MatMul node. …". */
const before = (line: string): string => /^.*?Status Message: /.exec(line)?.[0] ?? ""
