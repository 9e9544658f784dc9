/**
 * Uniform numbers that depend on (seed, prompt id, candidate, step) and nothing else, so a candidate is the same
 * whatever batch, order or machine it is sampled in.
 *
 * A candidate's 64-bit key is a digest of (seed, prompt id, candidate); its number at a step is the first word of
 * Threefry-2x32 with 20 rounds under that key at counter (step, 0). Source: Salmon, Moraes, Dror, Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011.
 */
import { createHash } from "node:crypto"

export interface NoiseKey {
  readonly low: number
  readonly high: number
}

/** The key of one candidate's noise. Fields are length-delimited by JSON, so no two candidates share a preimage. */
export const noiseKey = (seed: number, promptId: string, candidate: number): NoiseKey => {
  const digest = createHash("sha256").update(JSON.stringify(["gemflow/noise", seed, promptId, candidate])).digest()
  return { low: digest.readUInt32LE(0), high: digest.readUInt32LE(4) }
}

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const
const PARITY = 0x1bd11bda

/** The two output words (unsigned) of Threefry-2x32-20. */
export const threefry = (key: NoiseKey, counterLow: number, counterHigh: number): readonly [number, number] => {
  const schedule = [key.low, key.high, PARITY ^ key.low ^ key.high]
  let x = (counterLow + key.low) | 0
  let y = (counterHigh + key.high) | 0
  for (let round = 0; round < 20; round++) {
    const bits = rotations[round % 8] ?? 0
    x = (x + y) | 0
    y = ((y << bits) | (y >>> (32 - bits))) ^ x
    if (round % 4 === 3) {
      const injection = (round + 1) / 4
      x = (x + (schedule[injection % 3] ?? 0)) | 0
      y = (y + (schedule[(injection + 1) % 3] ?? 0) + injection) | 0
    }
  }
  return [x >>> 0, y >>> 0]
}

/**
 * The uniform of a step, in [0, 1).
 *
 * Made of 23 bits, not the 24 a float32 could hold: then `uniform * total < total` also after rounding to float32,
 * so inverse-CDF sampling always finds a token whose cumulative probability exceeds its target.
 */
export const uniformAt = (key: NoiseKey, step: number): number => (threefry(key, step, 0)[0] >>> 9) * 2 ** -23

/** The uniforms of steps `first` to `first + count - 1`, written to `into` from `offset` on, `stride` apart. */
export const fillUniforms = (
  key: NoiseKey,
  into: Float32Array,
  { count, first, offset, stride }: {
    readonly first: number
    readonly count: number
    readonly offset: number
    readonly stride: number
  }
): void => {
  for (let step = 0; step < count; step++) into[offset + step * stride] = uniformAt(key, first + step)
}
