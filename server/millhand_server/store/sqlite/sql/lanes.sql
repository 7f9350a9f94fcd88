-- Waiting, unclaimed tasks in the order of starting. Every block walks the index task_lane and touches no task
-- of another lane, and none that is not due.

-- name: lane_after
SELECT queue, fairness_key, handler FROM task INDEXED BY task_lane
WHERE owner_epoch IS NULL AND complete_us IS NULL AND (queue, fairness_key, handler) > (?, ?, ?)
ORDER BY queue, fairness_key, handler LIMIT 1

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

-- name: lane_due
SELECT due_us, sequence, id FROM task INDEXED BY task_lane
WHERE owner_epoch IS NULL AND complete_us IS NULL
  AND queue = ? AND fairness_key = ? AND handler = ? AND urgency = ?
  AND due_us <= ? AND (due_us, sequence) > (?, ?)
ORDER BY due_us, sequence LIMIT ?

-- name: count_ahead
SELECT count(*) FROM task INDEXED BY task_lane
WHERE owner_epoch IS NULL AND complete_us IS NULL
  AND queue = ? AND due_us <= ? AND (urgency, due_us, sequence) < (?, ?, ?)

-- name: overdue
{row}
WHERE task.start_by_us IS NOT NULL AND task.owner_epoch IS NULL AND task.complete_us IS NULL
  AND task.start_by_us <= ?
ORDER BY task.start_by_us, task.sequence LIMIT ?

-- name: start_limits
SELECT start_by_us FROM task INDEXED BY task_start_by
WHERE start_by_us IS NOT NULL AND owner_epoch IS NULL AND complete_us IS NULL
ORDER BY start_by_us, sequence LIMIT 1 OFFSET ?
