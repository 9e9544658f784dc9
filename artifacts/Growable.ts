/** A typed array that grows as values are appended. */
export class Growable<A extends Uint8Array | Int32Array | Float32Array | Float64Array> {
  readonly #allocate: (length: number) => A
  #array: A
  #length = 0

  constructor(allocate: (length: number) => A) {
    this.#allocate = allocate
    this.#array = allocate(64)
  }

  get length(): number {
    return this.#length
  }

  push(value: number): void {
    this.reserve(1)[this.#length++] = value
  }

  append(values: ArrayLike<number>): void {
    this.reserve(values.length).set(values, this.#length)
    this.#length += values.length
  }

  /** The array, with room for `more` values behind `length`; write them, then `advance`. */
  reserve(more: number): A {
    const needed = this.#length + more
    if (needed > this.#array.length) {
      const grown = this.#allocate(Math.max(needed, this.#array.length * 2))
      grown.set(this.#array)
      this.#array = grown
    }
    return this.#array
  }

  advance(by: number): void {
    this.#length += by
  }

  /** The values appended so far, as an array of its own that holds nothing else; the next value starts a new one. */
  take(): A {
    const taken = this.#allocate(this.#length)
    taken.set(this.#array.subarray(0, this.#length))
    this.#array = this.#allocate(64)
    this.#length = 0
    return taken
  }
}
