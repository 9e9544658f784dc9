/**
 * Preference pairs for the demo policy: the chosen chain is right, the rejected one answers wrongly.
 *
 * The pairs are graded, so that comparing log-probabilities under the pretrained policy is neither trivial nor hopeless. The
 * rejected chain always has the common phrasing; the chosen one has an ever rarer phrasing, and the flaw an ever likelier form:
 *
 * - easy: same phrasing; either the answer contradicts the work, or one route slips and the answer follows it;
 * - medium: the chosen chain is phrased the less common way; one route of the rejected chain slips and the answer follows it;
 * - hard: the chosen chain is phrased the rare way; the slip is off by one.
 */
import { render, type Style } from "./corpus.ts"
import { drawProblem, type Problem, type ProblemChoice } from "./problems.ts"
import { at, makeRandom, type Random } from "./random.ts"
import { drawRoutes, type Route, slipped, type Work, workOut } from "./routes.ts"

/** How hard a pair is meant to be, by its construction. */
export type Difficulty = "easy" | "medium" | "hard"
export const difficulties: ReadonlyArray<Difficulty> = ["easy", "medium", "hard"]

/** One row of the preference data set. */
export interface PreferenceRow {
  readonly prompt: string
  readonly chosen: string
  readonly rejected: string
  readonly difficulty: Difficulty
  /** The right answer, for scoring sampled responses. */
  readonly answer: number
}

const chosenStyle: Readonly<Record<Difficulty, Style>> = { easy: "plain", medium: "casual", hard: "chatty" }

interface Flawed {
  readonly works: readonly [Work, Work]
  readonly answer: number
}

/** Lets one of the two routes slip and answers with its result; redrawn in the odd case that this ends up right. */
const flaw = (
  routes: readonly [Route, Route],
  right: number,
  random: Random,
  amounts?: ReadonlyArray<number>
): Flawed => {
  const bad = random.between(0, 1)
  const work = (index: 0 | 1): Work => {
    if (index !== bad) return workOut(routes[index], random)
    const step = random.chance(0.5) ? 0 : 1
    return workOut(routes[index], random, amounts === undefined ? { step } : { step, amounts })
  }
  for (;;) {
    const works = [work(0), work(1)] as const
    const answer = at(works, bad).result
    if (answer !== right) return { works, answer }
  }
}

/** Builds the pair of a problem. Both chains take the same routes in the same order. */
export const drawPair = (problem: Problem, difficulty: Difficulty, random: Random): PreferenceRow => {
  const { prompt, answer } = problem
  const routes = drawRoutes(problem, random)
  const right: readonly [Work, Work] = [workOut(routes[0], random), workOut(routes[1], random)]
  const onlyAnswer = difficulty === "easy" && random.chance(0.5)
  const flawed = onlyAnswer
    ? { works: right, answer: slipped(answer, random) }
    : flaw(routes, answer, random, difficulty === "hard" ? [-1, 1] : undefined)
  return {
    prompt,
    chosen: render(chosenStyle[difficulty], right, answer),
    rejected: render("plain", flawed.works, flawed.answer),
    difficulty,
    answer
  }
}

/**
 * The first `count` pairs of a seed, difficulties in turn. No sum comes twice, in whatever words, so pairs that are split by
 * prompt share no sum either.
 */
export const preferencePairs = (seed: number, count: number, choice: ProblemChoice = {}): Array<PreferenceRow> => {
  const rows: Array<PreferenceRow> = []
  const seen = new Set<string>()
  for (let stream = 0; rows.length < count; stream++) {
    const random = makeRandom(seed, stream)
    const problem = drawProblem(random, choice)
    const sum = [problem.kind, problem.a, problem.b, problem.c].join(" ")
    if (seen.has(sum)) continue
    seen.add(sum)
    rows.push(drawPair(problem, at(difficulties, rows.length % difficulties.length), random))
  }
  return rows
}
