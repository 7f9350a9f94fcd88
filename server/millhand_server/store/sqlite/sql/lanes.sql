-- Waiting, unclaimed tasks in the order of starting. Every block walks the index task_lane and touches no task
-- of another lane, and none that is not due. Queued tasks (5) are due, also when the clock was set back since:
-- :latest_us is the latest time that it ever showed.

-- The lane that follows one by name. In three steps, for each of which the index has the place: of a comparison
-- of rows SQLite looks up the first column only, and would walk through the whole lane.
-- name: lane_after
SELECT * FROM (
  SELECT queue, fairness_key, handler FROM task INDEXED BY task_lane
  WHERE owner_epoch IS NULL AND complete_us IS NULL
    AND queue = :queue AND fairness_key = :fairness_key AND handler > :handler
  ORDER BY handler LIMIT 1
)
UNION ALL
SELECT * FROM (
  SELECT queue, fairness_key, handler FROM task INDEXED BY task_lane
  WHERE owner_epoch IS NULL AND complete_us IS NULL AND queue = :queue AND fairness_key > :fairness_key
  ORDER BY fairness_key, handler LIMIT 1
)
UNION ALL
SELECT * FROM (
  SELECT queue, fairness_key, handler FROM task INDEXED BY task_lane
  WHERE owner_epoch IS NULL AND complete_us IS NULL AND queue > :queue
  ORDER BY queue, fairness_key, handler LIMIT 1
)
LIMIT 1

-- The urgencies in a lane, lowest first, each with the time at which its next task becomes due.
-- name: lane_urgencies
WITH RECURSIVE level (urgency) AS (
  SELECT min(urgency) FROM task INDEXED BY task_lane
  WHERE owner_epoch IS NULL AND complete_us IS NULL
    AND queue = :queue AND fairness_key = :fairness_key AND handler = :handler
  UNION ALL
  SELECT (
    SELECT min(urgency) FROM task INDEXED BY task_lane
    WHERE owner_epoch IS NULL AND complete_us IS NULL
      AND queue = :queue AND fairness_key = :fairness_key AND handler = :handler AND urgency > level.urgency
  )
  FROM level WHERE level.urgency IS NOT NULL
)
SELECT urgency, (
  SELECT min(due_us) FROM task INDEXED BY task_lane
  WHERE owner_epoch IS NULL AND complete_us IS NULL
    AND queue = :queue AND fairness_key = :fairness_key AND handler = :handler
    AND urgency = level.urgency AND due_us > :now_us
)
FROM level WHERE urgency IS NOT NULL

-- In one value: SQLite gives the interpreter's lock away for every row.
-- name: lane_due
SELECT json_group_array(json_array(due_us, sequence, id)) FROM (
  SELECT due_us, sequence, id FROM task INDEXED BY task_lane
  WHERE owner_epoch IS NULL AND complete_us IS NULL
    AND queue = :queue AND fairness_key = :fairness_key AND handler = :handler AND urgency = :urgency
    AND due_us <= :latest_us AND (due_us, sequence) > (:after_us, :after_sequence)
    AND (due_us <= :now_us OR status = 5)
  ORDER BY due_us, sequence LIMIT :limit
)

-- name: count_ahead
SELECT count(*) FROM task INDEXED BY task_lane
WHERE owner_epoch IS NULL AND complete_us IS NULL
  AND queue = :queue AND (urgency, due_us, sequence) < (:urgency, :due_us, :sequence)
  AND (due_us <= :now_us OR (due_us <= :latest_us AND status = 5))

-- name: overdue
{row}
WHERE task.start_by_us IS NOT NULL AND task.owner_epoch IS NULL AND task.complete_us IS NULL
  AND task.start_by_us <= ?
ORDER BY task.start_by_us, task.sequence LIMIT ?

-- name: start_limits
SELECT start_by_us FROM task INDEXED BY task_start_by
WHERE start_by_us IS NOT NULL AND owner_epoch IS NULL AND complete_us IS NULL
ORDER BY start_by_us, sequence LIMIT 1 OFFSET ?
