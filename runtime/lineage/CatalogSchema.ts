/**
 * The tables of the run catalog, as migrations. `user_version` counts the migrations a catalog file has had; a release
 * only ever appends to this list.
 */
export const migrations: ReadonlyArray<string> = [
  `
  -- One row per run. finished_at stays null while the run is under way, and for ever if its process was killed.
  CREATE TABLE runs (
    run         TEXT PRIMARY KEY,
    pipeline    TEXT NOT NULL,
    file        TEXT NOT NULL,
    settings    TEXT NOT NULL,              -- JSON: the --set values, as given
    host        TEXT NOT NULL,
    pid         INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,           -- milliseconds since 1970
    finished_at INTEGER,
    status      TEXT NOT NULL,              -- running | succeeded | failed | interrupted
    executed    INTEGER NOT NULL DEFAULT 0,
    cached      INTEGER NOT NULL DEFAULT 0,
    failed      INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX runs_by_pipeline ON runs (pipeline, started_at);

  -- What became of each node in each run. Written last, after the artifact and its action are stored.
  CREATE TABLE executions (
    run         TEXT NOT NULL REFERENCES runs (run),
    node        TEXT NOT NULL,              -- the instance's name in the pipeline
    kind        TEXT NOT NULL,              -- the node's own name
    status      TEXT NOT NULL,              -- executed | cached | failed | skipped
    key_digest  TEXT,
    output      TEXT,                       -- digest of the output artifact
    row_count   INTEGER,
    reasons     TEXT NOT NULL,              -- JSON: why it had to run, by name and with details
    device      TEXT,
    started_at  INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    error       TEXT,
    PRIMARY KEY (run, node)
  ) STRICT;
  CREATE INDEX executions_by_output ON executions (output);
  CREATE INDEX executions_by_node ON executions (node);

  -- Which artifact went into which input: the edges of lineage.
  CREATE TABLE execution_inputs (
    run      TEXT NOT NULL,
    node     TEXT NOT NULL,
    input    TEXT NOT NULL,
    position INTEGER NOT NULL,
    source   TEXT NOT NULL,                 -- the upstream instance's name
    artifact TEXT NOT NULL,                 -- digest of the artifact read
    PRIMARY KEY (run, node, input, position)
  ) STRICT;

  -- The action cache: what a key gave. The key itself is kept, so that a difference between two can be explained.
  CREATE TABLE actions (
    key_digest  TEXT PRIMARY KEY,
    key         TEXT NOT NULL,              -- JSON of the structured key
    output      TEXT NOT NULL,
    type        TEXT NOT NULL,
    row_count   INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    columns     TEXT NOT NULL,              -- JSON: column name -> digest
    run         TEXT NOT NULL,
    node        TEXT NOT NULL,
    created_at  INTEGER NOT NULL
  ) STRICT;

  -- The key that a node instance had when it last ran or was found cached.
  CREATE TABLE latest_keys (
    pipeline   TEXT NOT NULL,
    node       TEXT NOT NULL,
    key_digest TEXT NOT NULL,
    PRIMARY KEY (pipeline, node)
  ) STRICT;

  -- Facts that are dear to compute and cheap to check, such as the fingerprint of a module or the digest of a file.
  CREATE TABLE memos (
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,                    -- JSON
    PRIMARY KEY (kind, name)
  ) STRICT;
  `,
  `
  -- Of which partition actions the output of a mapped node's action consists, in order.
  CREATE TABLE partitions (
    key_digest    TEXT NOT NULL,            -- the node's action
    position      INTEGER NOT NULL,
    partition_key TEXT NOT NULL,            -- the partition's action
    output        TEXT NOT NULL,
    row_count     INTEGER NOT NULL,
    PRIMARY KEY (key_digest, position)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What the disk altered is found when it is read: a checksum of each row (RowChecksum.ts), null in rows from before.
  ALTER TABLE runs ADD COLUMN checksum INTEGER;
  ALTER TABLE executions ADD COLUMN checksum INTEGER;
  ALTER TABLE execution_inputs ADD COLUMN checksum INTEGER;
  ALTER TABLE actions ADD COLUMN checksum INTEGER;
  ALTER TABLE latest_keys ADD COLUMN checksum INTEGER;
  ALTER TABLE memos ADD COLUMN checksum INTEGER;
  ALTER TABLE partitions ADD COLUMN checksum INTEGER;

  -- Which artifact was computed from which, once however often it was found cached: lineage across runs, both ways.
  CREATE TABLE derivations (
    artifact   TEXT NOT NULL,               -- digest of the artifact read
    output     TEXT NOT NULL,               -- digest of the artifact that was computed from it
    key_digest TEXT NOT NULL,               -- of the action
    input      TEXT NOT NULL,
    position   INTEGER NOT NULL,
    source     TEXT NOT NULL,               -- the instance that made the artifact read
    node       TEXT NOT NULL,               -- the instance that read it
    checksum   INTEGER,
    PRIMARY KEY (artifact, key_digest, input, position, output)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX derivations_by_output ON derivations (output);
  INSERT OR IGNORE INTO derivations (artifact, output, key_digest, input, position, source, node)
    SELECT artifact, output, key_digest, input, position, source, node
    FROM execution_inputs JOIN executions USING (run, node)
    WHERE output IS NOT NULL AND key_digest IS NOT NULL;

  -- How many rows there should be, where rows that a damaged page hides would otherwise not be missed.
  CREATE TABLE tallies (
    kind  TEXT NOT NULL,                    -- runs | readers
    name  TEXT NOT NULL,                    -- of readers, the artifact's digest
    count INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO tallies SELECT 'runs', '', count(*) FROM runs;
  INSERT INTO tallies SELECT 'readers', artifact, count(*) FROM derivations GROUP BY artifact;
  CREATE TRIGGER tally_run AFTER INSERT ON runs BEGIN
    UPDATE tallies SET count = count + 1 WHERE kind = 'runs';
  END;
  CREATE TRIGGER untally_run AFTER DELETE ON runs BEGIN
    UPDATE tallies SET count = count - 1 WHERE kind = 'runs';
  END;
  CREATE TRIGGER tally_reader AFTER INSERT ON derivations BEGIN
    INSERT INTO tallies VALUES ('readers', NEW.artifact, 1) ON CONFLICT DO UPDATE SET count = count + 1;
  END;
  CREATE TRIGGER untally_reader AFTER DELETE ON derivations BEGIN
    UPDATE tallies SET count = count - 1 WHERE kind = 'readers' AND name = OLD.artifact;
  END;

  CREATE INDEX actions_by_output ON actions (output);
  CREATE INDEX runs_by_start ON runs (started_at);
  `,
  `
  -- Runs that cleaning up keeps, with everything that they reach.
  CREATE TABLE pins (
    run       TEXT PRIMARY KEY REFERENCES runs (run),
    label     TEXT,
    pinned_at INTEGER NOT NULL              -- milliseconds since 1970
  ) STRICT;
  `,
  `
  -- Runs with the same nodes, keys and outputs as an earlier one, whose rows are still to be written (Repetitions.ts).
  CREATE TABLE repetitions (
    run   TEXT PRIMARY KEY REFERENCES runs (run),
    model TEXT NOT NULL REFERENCES runs (run)
  ) STRICT;
  `,
  `
  -- Of how many actions an artifact is the output, for the same end.
  INSERT INTO tallies SELECT 'makers', output, count(*) FROM actions GROUP BY output;
  CREATE TRIGGER tally_maker AFTER INSERT ON actions BEGIN
    INSERT INTO tallies VALUES ('makers', NEW.output, 1) ON CONFLICT DO UPDATE SET count = count + 1;
  END;
  CREATE TRIGGER untally_maker AFTER DELETE ON actions BEGIN
    UPDATE tallies SET count = count - 1 WHERE kind = 'makers' AND name = OLD.output;
  END;
  `
]
