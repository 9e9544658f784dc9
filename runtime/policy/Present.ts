/** A value that the code around has put there. Throws where it has not: a fault in building a program, told at once. */
export const present = <A>(value: A | undefined, what: string): A => {
  if (value === undefined) throw new Error(`there is no ${what}: a fault in how the program is built`)
  return value
}
