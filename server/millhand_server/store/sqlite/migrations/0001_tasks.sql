-- min_reader: 1
-- The first schema. Times are microseconds since the Unix epoch, statuses the numbers of the wire contract.

-- The one row of what is true of the whole file. Positions of results are dense: the log holds every one from
-- first_position to last_position. The sums spare opening a large file a walk through it.
CREATE TABLE ledger (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch TEXT NOT NULL CHECK (length(epoch) = 16),
  last_sequence INTEGER NOT NULL DEFAULT 0,
  first_position INTEGER NOT NULL DEFAULT 1,
  last_position INTEGER NOT NULL DEFAULT 0,
  log_bytes INTEGER NOT NULL DEFAULT 0,
  -- FAILED tasks stay when their results have left the log.
  failed_count INTEGER NOT NULL DEFAULT 0,
  failed_bytes INTEGER NOT NULL DEFAULT 0,
  -- The latest time that the clock showed: it may be set back.
  latest_us INTEGER NOT NULL DEFAULT 0,
  CHECK (first_position BETWEEN 1 AND last_position + 1)
) STRICT;

-- What changes while a task lives. `sequence` is the order of acceptance, so that tasks which are accepted,
-- claimed and ended together lie together. `urgency` is the priority, or less than any for a task that was
-- expedited. `detail` has what no statement looks into (attempts, error, progress), as MessagePack.
CREATE TABLE task (
  sequence INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  queue TEXT NOT NULL,
  fairness_key TEXT NOT NULL,
  handler TEXT NOT NULL,
  priority INTEGER NOT NULL,
  urgency INTEGER NOT NULL,
  status INTEGER NOT NULL CHECK (status BETWEEN 1 AND 10 AND status <> 2 AND status <> 7),
  create_us INTEGER NOT NULL,
  due_us INTEGER NOT NULL,
  start_by_us INTEGER,
  owner_node TEXT,
  owner_epoch INTEGER,
  attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  retries_used INTEGER NOT NULL DEFAULT 0,
  losses INTEGER NOT NULL DEFAULT 0,
  start_us INTEGER,
  complete_us INTEGER,
  cancel_us INTEGER,
  revision INTEGER NOT NULL DEFAULT 1,
  position INTEGER,
  weight INTEGER,
  detail BLOB,
  output BLOB,
  -- A final status, a time of completion and a place in the log come together. (Not IN: SQLite would build the
  -- set for every row, which takes longer than to write it.)
  CHECK ((status = 8 OR status = 4 OR status = 3 OR status = 1) = (complete_us IS NOT NULL)),
  CHECK ((complete_us IS NULL) = (position IS NULL)),
  CHECK ((complete_us IS NULL) = (weight IS NULL)),
  -- A running task has an owner, a final one has none, and an owner has a name.
  CHECK (status <> 6 OR owner_epoch IS NOT NULL),
  CHECK (complete_us IS NULL OR owner_epoch IS NULL),
  CHECK ((owner_epoch IS NULL) = (owner_node IS NULL)),
  -- Whoever holds a task holds an attempt of it.
  CHECK (owner_epoch IS NULL OR attempt > 0)
) STRICT;

-- What its caller asked for: written once, with the task, and never again.
CREATE TABLE specification (
  sequence INTEGER PRIMARY KEY,
  principal TEXT NOT NULL,
  session_id TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  token INTEGER NOT NULL,
  start_timeout_us INTEGER,
  -- A core.task.TaskSpec, as MessagePack.
  spec BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX task_id ON task (id);

-- Waiting, unclaimed tasks lane by lane, in the order of starting. The last two columns are NULL in all of them:
-- SQLite tests the condition of a partial index again, and would visit each row for it.
CREATE INDEX task_lane ON task (queue, fairness_key, handler, urgency, due_us, owner_epoch, complete_us)
  WHERE owner_epoch IS NULL AND complete_us IS NULL;

-- Those of them that must not wait for ever.
CREATE INDEX task_start_by ON task (start_by_us)
  WHERE start_by_us IS NOT NULL AND owner_epoch IS NULL AND complete_us IS NULL;

-- What a node holds, claimed or running.
CREATE INDEX task_owner ON task (owner_epoch) WHERE owner_epoch IS NOT NULL;

-- The log of results.
CREATE UNIQUE INDEX task_position ON task (position) WHERE position IS NOT NULL;

-- FAILED tasks by age, for those that have left the log.
CREATE INDEX task_failed ON task (position) WHERE status = 4;

CREATE UNIQUE INDEX specification_key ON specification (principal, idempotency_key)
  WHERE idempotency_key <> '';
