/**
 * What can be changed about a pipeline: config fields, a node for another, a node left out. A change refers to a node by
 * its value, `set(EntropyScore, { lambda: 0.5 })`, and then means all its instances and is checked by the compiler; or by
 * name as in `--set`, `set("round-1/rank", { … })`, and then is checked against the pipeline it is applied to.
 */
import type * as TableType from "../../artifacts/TableType.ts"
import { isFields, requireArgument } from "./Argument.ts"
import type { Inputs, Many, Missing, Mistyped } from "./Handle.ts"
import { locate, renderLocation } from "./Location.ts"
import type { Any, Contract, Definition } from "./Node.ts"

/** Whom a change means: a node, in all its instances; or a name as in `--set` and `--select`. */
export type Target = Any | string

/** One change, to be applied by `variant` or `grid`. Made by `set`, `swap`, `drop` and `seeds`. */
export type Change =
  & (
    | { readonly _tag: "Set"; readonly target: Target; readonly fields: Readonly<Record<string, unknown>> }
    | {
      readonly _tag: "Swap"
      readonly target: Target
      readonly node: Definition
      readonly config: Readonly<Record<string, unknown>> | undefined
    }
    | { readonly _tag: "Drop"; readonly target: Target }
    /** Adds to the seeds of the targets; without targets, of all nodes that are not exact. */
    | { readonly _tag: "Reseed"; readonly targets: ReadonlyArray<Target>; readonly add: number }
  )
  & {
    /** Where it was written, e.g. `/project/pipelines/gem.ts:12`. */
    readonly place: () => string
  }

/** Sets config fields, written as in a call of the node; the other fields stay as they are. */
export const set = <const T extends Target>(target: T, fields: FieldsOf<NoInfer<T>>): Change => {
  const location = locate(set)
  const place = () => renderLocation(location())
  requireTarget(target, place, "set(Node, { field: value })")
  requireArgument(isFields(fields), place, "set(Node, { field: value })", "an object of config fields second", fields)
  return { _tag: "Set", target, fields: { ...fields }, place }
}

/**
 * Puts another node in a node's place, under the same instance names and wiring. It keeps the config fields that both
 * nodes have, or has exactly the config given here.
 *
 * The compiler asks for the same contract: the other node reads no more than this one and makes all that this one makes.
 * By name, `swap("rank", …)`, the other node need only fit what is wired in the pipeline.
 */
export const swap = <const T extends Target, const N extends Any>(
  target: T,
  node: Fitting<N, SwapProblem<NoInfer<T>, N>>,
  ...[config]: SwapConfig<NoInfer<T>, NoInfer<N>>
): Change => {
  const location = locate(swap)
  const place = () => renderLocation(location())
  requireTarget(target, place, "swap(Node, Other, config)")
  requireArgument(isNode(node), place, "swap(Node, Other, config)", "a node second", node)
  // `Fitting` is N wherever this compiles.
  const { definition } = node as N
  const written: object | undefined = typeof config === "object" && config !== null ? config : undefined
  return {
    _tag: "Swap",
    target,
    node: definition,
    config: written === undefined ? undefined : { ...written },
    place
  }
}

/**
 * Takes a node out; what reads it reads the one input of it that has the same columns. By name, `drop("filter")`, the
 * tables that are wired count and not what the node declares to read.
 */
export const drop = <const T extends Target>(target: Fitting<T, DropProblem<T>>): Change => {
  const location = locate(drop)
  const place = () => renderLocation(location())
  requireTarget(target, place, "drop(Node)")
  // `Fitting` is T wherever this compiles.
  return { _tag: "Drop", target: target as T, place }
}

/** Whether a value is a change. */
export const isChange = (value: unknown): value is Change =>
  isFields(value) && "_tag" in value && typeof value._tag === "string" && "place" in value
  && ["Set", "Swap", "Drop", "Reseed"].includes(value._tag)

const isNode = (value: unknown): boolean =>
  value !== null && (typeof value === "function" || typeof value === "object") && "definition" in value

const requireTarget = (target: unknown, place: () => string, call: string): void =>
  requireArgument(
    typeof target === "string" || isNode(target),
    place,
    call,
    "a node, or a name of nodes, first",
    target
  )

/** The config of a node as a call of it is written; anything for a name. */
export type ConfigOf<T> = ContractOf<T> extends Contract<infer Config, Inputs, TableType.Any> ? Config
  : Readonly<Record<string, unknown>>

/** Some of the fields of a node's config. */
export type FieldsOf<T> = Partial<ConfigOf<T>>

type ContractOf<T> = T extends { readonly "~contract"?: infer C } ? C : unknown

/** The type itself where there is no problem, else the problem: what the compiler then shows is that sentence. */
type Fitting<T, Problem> = [Problem] extends [never] ? T : Problem

/** What a call of `swap` says of the config: nothing is needed where all required fields are kept. */
type SwapConfig<T, N> = {} extends Omit<ConfigOf<N>, Kept<ConfigOf<T>, ConfigOf<N>>> ? [config?: ConfigOf<N>]
  : [config: ConfigOf<N>]

/** The fields of the other node that the node in its place has too, as required and of the same type. */
type Kept<Old, New> = {
  [Name in keyof New & keyof Old]: Pick<Old, Name> extends Pick<New, Name> ? Name : never
}[keyof New & keyof Old]

type SwapProblem<T, N> = ContractOf<T> extends Contract<unknown, infer OldIn, infer OldOut>
  ? ContractOf<N> extends Contract<unknown, infer NewIn, infer NewOut>
    ? InputProblem<OldIn, NewIn> | OutputProblem<OldOut, NewOut>
  : never
  : never

type InputProblem<Old extends Inputs, New extends Inputs> = {
  readonly [Name in keyof New & string]: Name extends keyof Old ? ReadProblem<Name, Old[Name], New[Name]>
    : New[Name] extends Many<TableType.Any> ? never
    : `This node reads an input ${Name}, and the one in whose place it goes has none of that name.`
}[keyof New & string]

type ReadProblem<Name extends string, Old, New> = New extends TableType.Any
  ? Old extends TableType.Any ? [Missing<New, Old>] extends [never] ? [Mistyped<New, Old>] extends [never] ? never
      : `This node reads column ${Mistyped<
        New,
        Old
      >} of its input ${Name} with another type; name the node, as in swap("rank", …), to check what is wired instead.`
    : `This node reads column ${Missing<
      New,
      Old
    >} of its input ${Name}, which the one in whose place it goes does not; name that one, as in swap("rank", …), to check what is wired instead.`
  : `This node takes one table as its input ${Name}, and the one in whose place it goes takes a list.`
  : New extends Many<infer NewItem> ? Old extends Many<infer OldItem> ? ReadProblem<Name, OldItem, NewItem>
    : ReadProblem<Name, Old, NewItem>
  : never

type OutputProblem<Old extends TableType.Any, New extends TableType.Any> = [Missing<Old, New>] extends [never]
  ? [Mistyped<Old, New>] extends [never] ? never
  : `This node makes column ${Mistyped<Old, New>} with another type than the one in whose place it goes.`
  : `This node makes no column ${Missing<
    Old,
    New
  >}, which the one in whose place it goes makes; name that one, as in swap("rank", …), to check what is read of it instead.`

type DropProblem<T> = ContractOf<T> extends Contract<unknown, infer In, infer Out>
  ? true extends { readonly [Name in keyof In]: StandsIn<In[Name], Out> }[keyof In] ? never
  : "None of this node's inputs has the columns that it makes, so nothing can take its place; name it, as in drop(\"filter\"), to check what is wired instead."
  : never

type StandsIn<Input, Out extends TableType.Any> = Input extends TableType.Any
  ? [Missing<Out, Input> | Mistyped<Out, Input>] extends [never] ? true : false
  : false
