/**
 * The artifact store beside what bounds it: a table of 1 GiB digested, stored and read, against a copy in memory, SHA-256 over
 * the same bytes, and a plain write to the same disk, flushed, all in one process.
 *
 *   node --conditions=gemflow-source bench/dataflow/store.ts [GIBIBYTES] [FOLDER]
 *
 * FOLDER is on the disk to measure; the system's folder for temporary files by default.
 */
import * as Arrow from "apache-arrow"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ArtifactStore } from "../../artifacts/ArtifactStore.ts"
import * as Column from "../../artifacts/Column.ts"
import { digestTable } from "../../artifacts/Digest.ts"
import { Table } from "../../artifacts/Table.ts"
import * as TableType from "../../artifacts/TableType.ts"

/** Ten columns of the kinds that a pipeline's tables have; a row takes about 270 bytes. */
const Wide = TableType.make("Wide", {
  a: Column.float64(),
  b: Column.float64(),
  c: Column.float64(),
  d: Column.float64(),
  whole: Column.int32(),
  single: Column.float32(),
  maybe: Column.float64({ nullable: true }),
  text: Column.utf8(),
  log_probs: Column.list(Column.float32()),
  tokens: Column.list(Column.int32())
})
const Two = TableType.pick(Wide, "a", "maybe")

const batchRows = 65_536
const textLength = 40
const items = 20

/** Chunks of one batch, in buffers of their own, no two batches alike. */
const batch = (seed: number): ReadonlyArray<Arrow.Data> => {
  const doubles = (offset: number) =>
    Arrow.makeData({
      type: new Arrow.Float64(),
      data: Float64Array.from({ length: batchRows }, (_, row) => Math.sin(row + seed * batchRows + offset))
    })
  const list = (type: Arrow.Float32 | Arrow.Int32, child: Arrow.Data<Arrow.DataType>) =>
    Arrow.makeData({
      type: new Arrow.List<Arrow.DataType>(new Arrow.Field<Arrow.DataType>("item", type, false)),
      valueOffsets: Int32Array.from({ length: batchRows + 1 }, (_, row) => row * items),
      child
    })
  const count = batchRows * items
  const floats = Float32Array.from({ length: count }, (_, index) => -(((index * 31 + seed) % 997) / 100))
  const ints = Int32Array.from({ length: count }, (_, index) => (index * 17 + seed) % 50_000)
  const bitmap = new Uint8Array(batchRows / 8).fill(0b1110_1111)
  return [
    ...[0, 1, 2, 3].map(doubles),
    Arrow.makeData({ type: new Arrow.Int32(), data: Int32Array.from({ length: batchRows }, (_, row) => row + seed) }),
    Arrow.makeData({ type: new Arrow.Float32(), data: floats.slice(0, batchRows) }),
    Arrow.makeData({
      type: new Arrow.Float64(),
      nullCount: batchRows / 8,
      nullBitmap: bitmap,
      data: Float64Array.from({ length: batchRows }, (_, row) => row / 7 + seed)
    }),
    Arrow.makeData({
      type: new Arrow.Utf8(),
      valueOffsets: Int32Array.from({ length: batchRows + 1 }, (_, row) => row * textLength),
      data: Uint8Array.from({ length: batchRows * textLength }, (_, index) => 97 + (index + seed) % 26)
    }),
    list(new Arrow.Float32(), Arrow.makeData({ type: new Arrow.Float32(), data: floats })),
    list(new Arrow.Int32(), Arrow.makeData({ type: new Arrow.Int32(), data: ints }))
  ]
}

export interface StoreMeasurement {
  readonly bytes: number
  /** Bytes a second of one processor. */
  readonly copy: number
  readonly sha256: number
  readonly digest: number
  /** Bytes a second, flushed to the disk. */
  readonly write: number
  readonly store: number
  /** Milliseconds, with the file's description read and no column: the fastest of five. */
  readonly open: number
  /** Milliseconds to read and check two of the ten columns, and their share of the bytes. */
  readonly twoColumns: number
  readonly twoColumnsShare: number
  /** Milliseconds to read and check all columns, and two of them again in the same process. */
  readonly allColumns: number
  readonly again: number
}

export const measureStore = (gibibytes: number, folder: string): Effect.Effect<StoreMeasurement, Error> =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(folder, "gemflow-bench-store-"))),
    (root) => measure(gibibytes, root),
    (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
  )

const measure = (gibibytes: number, root: string) =>
  Effect.gen(function*() {
    const first = batch(0)
    const size = first.reduce((sum, { byteLength }) => sum + byteLength, 0)
    const batches = Array.from(
      { length: Math.max(1, Math.round(gibibytes * 2 ** 30 / size)) },
      (_, seed) => batch(seed)
    )
    const bytes = size * batches.length
    const table = yield* Table.fromChunks(Wide, batches)
    const rate = (milliseconds: number) => bytes / (milliseconds / 1000)

    const piece = Buffer.alloc(2 ** 28, 7)
    const pieces = Math.ceil(bytes / piece.length)
    // Both sides have been written to before: what is measured is copying, not the system handing out memory.
    const target = Buffer.alloc(piece.length, 1)
    const inPieces = (milliseconds: number) => pieces * piece.length / (milliseconds / 1000)
    const copying = Effect.sync(() => {
      for (let index = 0; index < pieces; index++) target.set(piece)
    })
    const hashing = Effect.sync(() => {
      const hash = createHash("sha256")
      for (let index = 0; index < pieces; index++) hash.update(piece)
      hash.digest()
    })
    const copy = inPieces(yield* processorTime(copying))
    const sha256 = inPieces(yield* processorTime(hashing))
    const write = rate(yield* clocked(Effect.sync(() => writePlain(join(root, "plain"), piece, bytes))))
    rmSync(join(root, "plain"))

    // Code is compiled before the clock starts.
    const warm = yield* Table.fromChunks(Wide, batches.slice(0, 8))
    digestTable(warm)
    const digest = rate(yield* processorTime(Effect.sync(() => digestTable(table))))

    const open = Effect.provide(Effect.service(ArtifactStore), ArtifactStore.layer(join(root, "store")))
    const writer = yield* open
    let stored = ""
    const store = rate(
      yield* clocked(Effect.map(writer.put(table), (ref) => {
        stored = ref.digest
      }))
    )

    const reader = yield* open
    // The modules that read are loaded once a process.
    const small = yield* reader.put(yield* Table.fromChunks(Wide, [first]))
    yield* reader.open(small.digest)
    const opened = Math.min(...yield* Effect.replicateEffect(clocked(reader.open(stored, [])), 5))
    const twoColumns = yield* clocked(reader.get(Two, stored))
    const again = yield* clocked(reader.get(Two, stored))
    const allColumns = yield* clocked((yield* open).get(Wide, stored))
    const two = (first[0]?.byteLength ?? 0) + (first[6]?.byteLength ?? 0)
    return {
      bytes,
      copy,
      sha256,
      write,
      digest,
      store,
      open: opened,
      twoColumns,
      twoColumnsShare: two / size,
      allColumns,
      again
    } satisfies StoreMeasurement
  })

/** Milliseconds of a processor that an effect took: of work in memory, others on the machine do not lengthen it. */
const processorTime = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const begin = process.cpuUsage()
    return Effect.map(effect, () => {
      const { system, user } = process.cpuUsage(begin)
      return (system + user) / 1000
    })
  })

/** Milliseconds that an effect took. */
const clocked = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const begin = performance.now()
    return Effect.map(effect, () => performance.now() - begin)
  })

const writePlain = (file: string, piece: Uint8Array, bytes: number): void => {
  const handle = openSync(file, "wx")
  for (let done = 0; done < bytes;) done += writeSync(handle, piece, 0, Math.min(piece.length, bytes - done))
  fsyncSync(handle)
  closeSync(handle)
}

const print = (found: StoreMeasurement): void => {
  const { allColumns, again, bytes, copy, digest, open, sha256, store, twoColumns, twoColumnsShare, write } = found
  const perSecond = (rate: number) => `${(rate / 1e9).toFixed(2)} GB/s`
  const of = (rate: number, other: number) => `${(rate / other).toFixed(2)}`
  const bothBounds = 1 / (1 / digest + 1 / write)
  console.log(`A table of ${(bytes / 2 ** 30).toFixed(2)} GiB, ten columns\n`)
  console.log(`copy in memory        ${perSecond(copy)}`)
  console.log(`SHA-256               ${perSecond(sha256)}`)
  console.log(`plain write, flushed  ${perSecond(write)}\n`)
  console.log(
    `digest                ${perSecond(digest)}   ${of(digest, sha256)} of SHA-256, ${of(digest, copy)} of a copy`
  )
  console.log(
    `store                 ${perSecond(store)}   ${of(store, write)} of a plain write, `
      + `${of(store, bothBounds)} of digest then write`
  )
  console.log(`open                  ${open.toFixed(1)} ms`)
  console.log(
    `two columns of ten    ${twoColumns.toFixed(0)} ms   ${(twoColumnsShare * 100).toFixed(0)} % of the bytes, `
      + `${(twoColumns / allColumns * 100).toFixed(0)} % of the time of all`
  )
  console.log(`two columns, again    ${again.toFixed(0)} ms`)
  console.log(`all columns           ${allColumns.toFixed(0)} ms`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [gibibytes = "1", folder = tmpdir()] = process.argv.slice(2)
  print(await Effect.runPromise(measureStore(Number(gibibytes), folder)))
}
