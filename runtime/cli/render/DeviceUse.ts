/** Which node holds which device, and what share of the time a device was held. */
export interface Use {
  readonly device: string
  /** How many there are of that name: the CPU may be several workers. */
  readonly count: number
  /** The nodes that hold it now. */
  readonly holders: ReadonlyArray<string>
  /** From 0 to 1: of the time since the run began. */
  readonly busy: number
}

export interface DeviceUse {
  readonly begin: (names: ReadonlyArray<string>, at: number) => void
  /** `devices` as an event names them: separated by commas. */
  readonly take: (node: string, devices: string, at: number) => void
  readonly release: (node: string, devices: string, at: number) => void
  /** Whether any device was held yet. */
  readonly used: () => boolean
  readonly uses: (at: number) => ReadonlyArray<Use>
}

interface Device {
  count: number
  /** Each as often as it holds one. */
  readonly holders: Map<string, number>
  held: number
  /** Milliseconds that one of them was held, summed up to `at`. */
  busy: number
  at: number
}

export const deviceUse = (): DeviceUse => {
  const devices = new Map<string, Device>()
  let startedAt = 0
  let used = false

  const device = (name: string, at: number) => {
    const known = devices.get(name) ?? { count: 0, holders: new Map(), held: 0, busy: 0, at }
    devices.set(name, known)
    return known
  }
  const change = (node: string, names: string, by: 1 | -1, at: number) => {
    for (const name of names.split(",")) {
      const each = device(name.trim(), at)
      each.busy += each.held * (at - each.at)
      each.at = at
      each.held += by
      const holds = (each.holders.get(node) ?? 0) + by
      if (holds > 0) each.holders.set(node, holds)
      else each.holders.delete(node)
      // One that the run did not name at its beginning.
      each.count = Math.max(each.count, each.held)
    }
  }
  return {
    begin: (names, at) => {
      startedAt = at
      for (const name of names) device(name, at).count++
    },
    take: (node, names, at) => {
      used = true
      change(node, names, 1, at)
    },
    release: (node, names, at) => change(node, names, -1, at),
    used: () => used,
    uses: (at) =>
      [...devices].map(([name, each]) => {
        const busy = each.busy + each.held * (at - each.at)
        const share = busy / Math.max(1, (at - startedAt) * each.count)
        return { device: name, count: each.count, holders: [...each.holders.keys()], busy: Math.min(1, share) }
      })
  }
}
