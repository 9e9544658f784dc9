/**
 * Dimensions of shapes: a number, or a symbol whose value is known only when the program runs.
 * Sums and products of symbols are kept as polynomials in one canonical spelling ("2*batch*length-1"), so two
 * dimensions are equal exactly when their spellings are: slicing off the last token and slicing off the first both
 * give "length-1", and such tensors can be added.
 */
export type Dim = number | string
export type Shape = ReadonlyArray<Dim>

/** Monomial ("batch*length", "" for the constant term) to its integer coefficient. */
type Polynomial = ReadonlyMap<string, number>

const parse = (dim: Dim): Polynomial => {
  if (typeof dim === "number") return new Map([["", dim]])
  const terms = new Map<string, number>()
  for (const [, sign, term] of dim.matchAll(/([+-]?)([^+-]+)/g)) {
    const factors = (term ?? "").split("*")
    const symbols = factors.filter((factor) => !/^\d+$/.test(factor)).toSorted()
    const coefficient = factors.filter((factor) => /^\d+$/.test(factor)).reduce((n, factor) => n * Number(factor), 1)
    const monomial = symbols.join("*")
    terms.set(monomial, (terms.get(monomial) ?? 0) + (sign === "-" ? -coefficient : coefficient))
  }
  return terms
}

const print = (polynomial: Polynomial): Dim => {
  const terms = [...polynomial].filter(([, n]) => n !== 0)
  // A product with a negative number may be -0, which is no dimension.
  const constant = (polynomial.get("") ?? 0) + 0
  if (terms.every(([monomial]) => monomial === "")) return constant
  // Positive terms first: a spelling never starts with a minus unless every term is negative.
  const order = ([monomial, n]: [string, number]) => `${n < 0 ? 1 : 0}${monomial === "" ? 1 : 0}${monomial}`
  return terms.toSorted((a, b) => order(a) < order(b) ? -1 : 1).map(([monomial, n], index) => {
    const sign = n < 0 ? "-" : index === 0 ? "" : "+"
    const size = Math.abs(n)
    return sign + (monomial === "" ? `${size}` : size === 1 ? monomial : `${size}*${monomial}`)
  }).join("")
}

export const canonical = (dim: Dim): Dim => print(parse(dim))

export const addDims = (a: Dim, b: Dim): Dim => {
  const sum = new Map(parse(a))
  for (const [monomial, n] of parse(b)) sum.set(monomial, (sum.get(monomial) ?? 0) + n)
  return print(sum)
}

export const subtractDims = (a: Dim, b: Dim): Dim => addDims(a, multiplyDims(b, -1))

export const multiplyDims = (a: Dim, b: Dim): Dim => {
  const product = new Map<string, number>()
  for (const [left, n] of parse(a)) {
    for (const [right, m] of parse(b)) {
      const monomial = [...left.split("*"), ...right.split("*")].filter((symbol) => symbol !== "").toSorted().join("*")
      product.set(monomial, (product.get(monomial) ?? 0) + n * m)
    }
  }
  return print(product)
}

/** The product of a shape's dimensions; 1 for a scalar. */
export const sizeOf = (shape: Shape): Dim => shape.reduce(multiplyDims, 1)

/** `a / b` when it is exact for every value of the symbols, else undefined. `b` must be a single term. */
export const divideDims = (a: Dim, b: Dim): Dim | undefined => {
  if (a === b && a !== 0) return 1
  const [divisor, ...more] = parse(b)
  if (divisor === undefined || more.length > 0 || divisor[1] === 0) return undefined
  const quotient = new Map<string, number>()
  for (const [monomial, n] of parse(a)) {
    const symbols = monomial.split("*")
    for (const symbol of divisor[0].split("*")) {
      const at = symbols.indexOf(symbol)
      if (at === -1 && symbol !== "") return undefined
      if (at !== -1) symbols.splice(at, 1)
    }
    if (n % divisor[1] !== 0) return undefined
    quotient.set(symbols.filter((symbol) => symbol !== "").join("*"), n / divisor[1])
  }
  return print(quotient)
}

/** The terms of a dimension as coefficient and symbols: "2*batch*length-1" gives [2, [batch, length]] and [-1, []]. */
export const termsOf = (dim: Dim): ReadonlyArray<readonly [number, ReadonlyArray<string>]> =>
  [...parse(dim)].map(([monomial, n]) => [n, monomial.split("*").filter((symbol) => symbol !== "")] as const)

export const symbolsOf = (dim: Dim): ReadonlyArray<string> => termsOf(dim).flatMap(([, symbols]) => symbols)

/** The dimension with its symbols renamed or replaced by other dimensions. */
export const substitute = (dim: Dim, replacement: (symbol: string) => Dim): Dim =>
  termsOf(dim).map(([n, symbols]) => symbols.map(replacement).reduce(multiplyDims, n)).reduce(addDims, 0)

export const printShape = (shape: Shape): string => `[${shape.join(", ")}]`
export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((dim, axis) => dim === b[axis])
