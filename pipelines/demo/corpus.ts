/**
 * Chains of thought for the demo policy: every problem is worked out twice, along two routes, and then answered.
 *
 * In the pretraining text a route carries a slip now and then. Where the two routes disagree, the answer is one of the two at
 * random, so a policy that has learnt this text is unsure of its answer exactly when its own work contradicts itself: the
 * entropy of the final answer tells right chains from wrong ones without any label.
 */
import { drawProblem, type Problem } from "./problems.ts"
import { at, makeRandom, type Random } from "./random.ts"
import { drawRoutes, type Work, workOut } from "./routes.ts"

/** The phrase that opens the final answer. */
export const answerMarker = "Answer:"

/** Probability that a route of a pretraining chain carries a slip. */
export const slipProbability = 0.3

/** One row of pretraining text. */
export interface Example {
  readonly prompt: string
  readonly response: string
}

/** Phrasings, from the common to the rare. */
export type Style = "plain" | "casual" | "chatty"
export const styles: ReadonlyArray<Style> = ["plain", "casual", "chatty"]

/** The share of each style in the pretraining text. */
export const styleWeights: ReadonlyArray<number> = [0.9, 0.08, 0.02]

type Phrasing = (a: string, b: string, c: string, d: string) => string
const phrasings: Readonly<Record<Style, Phrasing>> = {
  plain: (a, b, c, d) => `First ${a}, then ${b}. Check ${c}, then ${d}.`,
  casual: (a, b, c, d) => `Start with ${a}, so ${b}. Another way is ${c}, so ${d}.`,
  chatty: (a, b, c, d) => `Let us count: ${a}, so next ${b}. To be sure, ${c}, so next ${d}.`
}

/** Writes a chain down. */
export const render = (style: Style, [one, two]: readonly [Work, Work], answer: number): string =>
  `${phrasings[style](...one.steps, ...two.steps)} ${answerMarker} ${answer}`

/** Draws a chain for a problem, with slips at the given rate. */
export const drawChain = (problem: Problem, random: Random, slipRate = slipProbability): string => {
  const style = at(styles, random.weighted(styleWeights))
  const [first, second] = drawRoutes(problem, random)
  const draw = (route: typeof first): Work =>
    random.chance(slipRate) ? workOut(route, random, { step: random.chance(0.5) ? 0 : 1 }) : workOut(route, random)
  const one = draw(first)
  const two = draw(second)
  const answer = one.result === two.result ? one.result : random.pick([one.result, two.result])
  return render(style, [one, two], answer)
}

/** Row `index` of the pretraining corpus of a seed. Rows are independent of one another, so the corpus has no end. */
export const pretrainingExample = (seed: number, index: number): Example => {
  const random = makeRandom(seed, index)
  const problem = drawProblem(random)
  return { prompt: problem.prompt, response: drawChain(problem, random) }
}

/** The number after the last answer marker of a response, if any. */
export const finalAnswer = (response: string): number | undefined => {
  const at = response.lastIndexOf(answerMarker)
  const text = at < 0 ? "" : response.slice(at + answerMarker.length).trim()
  return /^\d+$/.test(text) ? Number(text) : undefined
}
