import { createHash } from "node:crypto"

/**
 * A UUID (version 7: sorts by time) for something that has a name of its own: the same for the same name and time, so that
 * who knows a run can find it in other systems.
 */
export const uuidOf = (name: string, milliseconds: number): string => {
  const bytes = createHash("sha256").update(name).digest().subarray(0, 16)
  bytes.writeUIntBE(milliseconds, 0, 6)
  bytes[6] = 0x70 | (bytes[6] ?? 0) & 0x0f
  bytes[8] = 0x80 | (bytes[8] ?? 0) & 0x3f
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
}
