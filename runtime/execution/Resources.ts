/**
 * Leases on the resources of a run: named amounts, such as calls of an API at once or bytes of memory. A request is granted
 * all or none.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { renderAmount } from "../pipeline/Demands.ts"

/** Amounts by name. */
export type Amounts = Readonly<Record<string, number>>

/** A node asks for more of a resource than the run has. */
export class TooFewResources extends Schema.TaggedError<TooFewResources>()("TooFewResources", {
  node: Schema.String,
  resource: Schema.String,
  asked: Schema.Finite,
  limit: Schema.Finite
}) {
  override get message(): string {
    const { node, resource } = this
    const [asked, limit] = [renderAmount(resource, this.asked), renderAmount(resource, this.limit)]
    const option = resource === "memory"
      ? `--memory ${asked.replace(" ", "")}`
      : resource === "jobs"
      ? `--jobs ${asked}`
      : `--resource ${resource}=${asked}`
    const what = resource === "memory" || resource === "jobs" ? resource : `the resource ${resource}`
    return `${node} asks for ${asked} of ${what}, and this run has ${limit}. Let it have more with ${option}, or ask for less `
      + "in the node's resources."
  }
}

/** Somebody who wants all of the amounts. */
interface Request {
  readonly amounts: ReadonlyArray<readonly [resource: Resource, amount: number]>
  readonly grant: () => void
  state: "waits" | "has it" | "is gone"
}

/** What there is of a resource, and who waits for it, in order. */
interface Resource {
  free: number
  queue: Array<Request>
  /** Those before it in the queue are served or gone. */
  first: number
}

/**
 * Hands out leases. Who asked first for a resource is served first: a later request passes an earlier one that waits only
 * when they have no resource in common. So nobody waits for ever, and nobody for what he does not need.
 */
export class ResourceLeases {
  readonly #limits: Amounts
  readonly #resources: ReadonlyMap<string, Resource>

  /** @param limits what there is; a resource that is not in it has no limit */
  constructor(limits: Amounts) {
    this.#limits = limits
    this.#resources = new Map(
      Object.entries(limits).map(([name, free]): [string, Resource] => [name, { free, queue: [], first: 0 }])
    )
  }

  /** The first resource of which more is asked than there ever is. Such a request must not be made. */
  tooMuch(amounts: Amounts): { readonly resource: string; readonly asked: number; readonly limit: number } | undefined {
    for (const [resource, asked] of Object.entries(amounts)) {
      const limit = this.#limits[resource]
      if (limit !== undefined && asked > limit) return { resource, asked, limit }
    }
    return undefined
  }

  /** Waits until all of it is there, and takes it until the scope closes. */
  readonly lease = (amounts: Amounts): Effect.Effect<void, never, Scope.Scope> =>
    Effect.suspend(() => {
      const granted = Deferred.makeUnsafe<void>()
      const limited = Object.entries(amounts).flatMap(([name, amount]) => {
        const resource = this.#resources.get(name)
        return resource === undefined ? [] : [[resource, amount] as const]
      })
      const request: Request = {
        amounts: limited,
        grant: () => Deferred.doneUnsafe(granted, Effect.void),
        state: "waits"
      }
      return Effect.addFinalizer(() => Effect.sync(() => this.#leave(request))).pipe(
        Effect.andThen(Effect.suspend(() => {
          this.#enter(request)
          return Deferred.await(granted)
        }))
      )
    })

  #enter(request: Request): void {
    for (const [resource] of request.amounts) resource.queue.push(request)
    if (request.amounts.length === 0) request.grant()
    else this.#serve(request.amounts.map(([resource]) => resource))
  }

  #leave(request: Request): void {
    if (request.state === "has it") { for (const [resource, amount] of request.amounts) resource.free += amount }
    request.state = "is gone"
    this.#serve(request.amounts.map(([resource]) => resource))
  }

  /** Serves who is first at these resources, and who thereby becomes first. */
  #serve(resources: Array<Resource>): void {
    for (let resource = resources.pop(); resource !== undefined; resource = resources.pop()) {
      const request = firstOf(resource)
      if (
        request === undefined ||
        request.amounts.some(([each, amount]) => firstOf(each) !== request || amount > each.free)
      ) {
        continue
      }
      request.state = "has it"
      for (const [each, amount] of request.amounts) {
        each.free -= amount
        resources.push(each)
      }
      request.grant()
    }
  }
}

/** Who waits first; forgets those before. */
const firstOf = (resource: Resource): Request | undefined => {
  const { queue } = resource
  while (resource.first < queue.length && queue[resource.first]?.state !== "waits") resource.first++
  if (resource.first > 1000 && resource.first * 2 > queue.length) {
    queue.splice(0, resource.first)
    resource.first = 0
  }
  return queue[resource.first]
}
