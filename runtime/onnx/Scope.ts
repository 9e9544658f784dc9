// Building a graph is synchronous, so one stack for the process is enough.
const places: Array<string> = []

/** Names the part of a program that `build` makes: in node names, in errors, in profiles. Scopes nest. */
export const scope = <A>(name: string, build: () => A): A => {
  places.push(name)
  try {
    return build()
  } finally {
    places.pop()
  }
}

/** The open scopes, outermost first: "layers.0/attention"; empty outside any. */
export const currentPlace = (): string => places.join("/")
