/**
 * 95 % intervals for a proportion whose observations come in clusters (several answers, or several pairs, of one prompt).
 * Observations of one prompt are not independent: treating them as such makes the interval too narrow.
 */
import { normalQuantile } from "./Normal.ts"
import { seededRandom } from "./Random.ts"

/** One cluster: how many of its observations are successes. */
export interface Cluster {
  readonly successes: number
  readonly size: number
}

/** A proportion and the interval around it, all in [0, 1]. */
export interface Proportion {
  readonly value: number
  readonly low: number
  readonly high: number
}

const z = normalQuantile(0.975)

/** The clusters of observations, one per distinct key. */
export const clusters = <A>(
  observations: ReadonlyArray<A>,
  key: (observation: A) => string,
  isSuccess: (observation: A) => boolean
): ReadonlyArray<Cluster> => {
  const byKey = new Map<string, Cluster>()
  for (const observation of observations) {
    const { size, successes } = byKey.get(key(observation)) ?? { successes: 0, size: 0 }
    byKey.set(key(observation), { successes: successes + (isSuccess(observation) ? 1 : 0), size: size + 1 })
  }
  return [...byKey.values()]
}

const pooled = (of: ReadonlyArray<Cluster>) => {
  const observations = of.reduce((sum, cluster) => sum + cluster.size, 0)
  return { observations, value: of.reduce((sum, cluster) => sum + cluster.successes, 0) / observations }
}

/**
 * Wilson's score interval with the effective number of observations of a cluster sample (Wilson 1927; Dean and Pagano 2015
 * for samples in clusters):
 *
 *     n_eff = p (1 - p) / v,    v = sum_c (x_c - p n_c)^2 / n^2
 *
 * with x_c successes among the n_c observations of cluster c. One observation per cluster gives n_eff = n, Wilson's
 * interval itself. n_eff is at most n; where p is 0 or 1, and v says nothing, it is the number of clusters.
 */
export const wilsonInterval = (of: ReadonlyArray<Cluster>): Proportion => {
  const { observations, value: p } = pooled(of)
  const v = of.reduce((sum, cluster) => sum + (cluster.successes - p * cluster.size) ** 2, 0) / observations ** 2
  const n = p === 0 || p === 1 ? of.length : Math.min(observations, p * (1 - p) / v)
  const centre = (p + z * z / (2 * n)) / (1 + z * z / n)
  const half = z / (1 + z * z / n) * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
  // At p = 0 and p = 1 the bound is exactly p; rounding must not move it past.
  return { value: p, low: Math.max(0, Math.min(p, centre - half)), high: Math.min(1, Math.max(p, centre + half)) }
}

/**
 * The percentile interval of the cluster bootstrap: clusters are drawn with replacement, `resamples` times (Efron and
 * Tibshirani 1993). It has no width where every observation agrees.
 */
export const bootstrapInterval = (
  of: ReadonlyArray<Cluster>,
  options: { readonly resamples: number; readonly seed: number }
): Proportion => {
  const random = seededRandom(options.seed)
  const values = new Float64Array(options.resamples)
  for (let resample = 0; resample < options.resamples; resample++) {
    let successes = 0
    let observations = 0
    for (let draw = 0; draw < of.length; draw++) {
      const cluster = of[random.below(of.length)]
      successes += cluster?.successes ?? 0
      observations += cluster?.size ?? 0
    }
    values[resample] = successes / observations
  }
  values.sort()
  const at = (share: number) => values[Math.round(share * (options.resamples - 1))] ?? Number.NaN
  return { value: pooled(of).value, low: at(0.025), high: at(0.975) }
}
