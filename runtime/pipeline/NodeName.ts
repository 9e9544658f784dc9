import { InvalidNodeName } from "./PipelineError.ts"

/**
 * Refuses a name that `--set NODE.FIELD=VALUE` and `--select NODE+` could not tell apart from what follows it. `place`
 * says where the name was written.
 *
 * @throws InvalidNodeName
 */
export const checkName = (name: string, place: () => string): void => {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_-]*$/.test(name)) throw new InvalidNodeName({ place: place(), name })
}
