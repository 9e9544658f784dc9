/** Word problems with three numbers: readable, graded by the size of the numbers, split once and for all into training and held out. */
import { at, hash32, type Random } from "./random.ts"

/** How large the numbers of a problem are. */
export type Size = "small" | "medium" | "large"

/** `add`: all three numbers are summed. `take`: the third is subtracted. */
export type Kind = "add" | "take"

/** One word problem. */
export interface Problem {
  readonly kind: Kind
  readonly size: Size
  readonly a: number
  readonly b: number
  readonly c: number
  readonly prompt: string
  readonly answer: number
}

/** Which problems to draw: one size or all, from the training share or the held-out tenth. */
export interface ProblemChoice {
  readonly size?: Size
  readonly heldOut?: boolean
}

export const sizes: ReadonlyArray<Size> = ["small", "medium", "large"]
const sizeWeights = [0.3, 0.35, 0.35]
const takeShare = 0.4

type Range = readonly [low: number, high: number]
const ranges: Readonly<Record<Size, readonly [a: Range, b: Range, c: Range]>> = {
  small: [[10, 49], [2, 9], [2, 9]],
  medium: [[10, 39], [10, 39], [10, 39]],
  large: [[10, 99], [10, 99], [10, 99]]
}

const names = ["Mia", "Tom", "Ana", "Leo", "Eva", "Ben", "Zoe", "Max", "Ida", "Sam"]
const things = ["apples", "pears", "books", "shells", "coins", "stamps", "cards", "pens"]

interface Words {
  readonly n1: string
  readonly n2: string
  readonly n3: string
  readonly thing: string
}
type Template = (words: Words, a: number, b: number, c: number) => string

const templates: Readonly<Record<Kind, ReadonlyArray<Template>>> = {
  add: [
    (w, a, b, c) =>
      `${w.n1} has ${a} ${w.thing}. ${w.n2} brings ${b} more and ${w.n3} brings ${c}. How many ${w.thing} are there?`,
    (w, a, b, c) =>
      `${w.n1} finds ${a} ${w.thing}, ${w.n2} finds ${b} and ${w.n3} finds ${c}. How many ${w.thing} do they have?`,
    (w, a, b, c) =>
      `There are ${a} ${w.thing} in a box, ${b} in a bag and ${c} on a table. How many ${w.thing} are there?`
  ],
  take: [
    (w, a, b, c) =>
      `${w.n1} has ${a} ${w.thing}. ${w.n2} brings ${b} more and ${w.n3} takes ${c}. How many ${w.thing} are left?`,
    (w, a, b, c) =>
      `There are ${a} ${w.thing} in a box. ${w.n1} adds ${b} and ${w.n2} takes ${c}. How many ${w.thing} are left?`,
    (w, a, b, c) =>
      `${w.n1} has ${a} ${w.thing}, gets ${b} from ${w.n2} and gives ${c} to ${w.n3}. ` +
      `How many ${w.thing} does ${w.n1} have?`
  ]
}

/**
 * Whether the numbers of a problem belong to the held-out tenth. Decided by a hash of the numbers alone, so no wording of a
 * held-out sum ever occurs in pretraining or in the training pairs, whatever their seeds.
 */
export const isHeldOut = (kind: Kind, a: number, b: number, c: number): boolean =>
  hash32(a * 1000 + b, c, kind === "take" ? 1 : 0) % 10 === 0

interface Numbers extends Pick<Problem, "kind" | "size" | "a" | "b" | "c"> {}

const drawNumbers = (random: Random, choice: ProblemChoice): Numbers => {
  const size = choice.size ?? at(sizes, random.weighted(sizeWeights))
  const kind: Kind = random.chance(takeShare) ? "take" : "add"
  const [a, b, c] = ranges[size].map(([low, high]) => random.between(low, high)) as [number, number, number]
  return kind === "take" && c > a ? { kind, size, a: c, b, c: a } : { kind, size, a, b, c }
}

/** Draws one problem. In a `take` problem the first number is never smaller than the third, so no route goes below zero. */
export const drawProblem = (random: Random, choice: ProblemChoice = {}): Problem => {
  let numbers = drawNumbers(random, choice)
  while (isHeldOut(numbers.kind, numbers.a, numbers.b, numbers.c) !== (choice.heldOut ?? false)) {
    numbers = drawNumbers(random, choice)
  }
  const { kind, a, b, c } = numbers
  const people = random.shuffle(names)
  const thing = random.pick(things)
  const words = { n1: at(people, 0), n2: at(people, 1), n3: at(people, 2), thing }
  const prompt = random.pick(templates[kind])(words, a, b, c)
  return { ...numbers, prompt, answer: kind === "take" ? a + b - c : a + b + c }
}
