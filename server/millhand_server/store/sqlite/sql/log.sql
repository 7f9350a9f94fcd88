-- The log of results, what is kept of it, and the ledger.

-- name: ledger
SELECT
  epoch, last_sequence, first_position, last_position, log_bytes, failed_count, failed_bytes, latest_us
FROM ledger

-- name: write_ledger
UPDATE ledger SET
  last_sequence = ?, first_position = ?, last_position = ?, log_bytes = ?, failed_count = ?, failed_bytes = ?,
  latest_us = ?

-- name: begin_ledger
INSERT INTO ledger (id, epoch) VALUES (1, ?)

-- name: renew_epoch
UPDATE ledger SET epoch = ?

-- name: newest_task
SELECT sequence, create_us FROM task ORDER BY sequence DESC LIMIT 1

-- name: count_unclaimed
SELECT count(*) FROM task INDEXED BY task_lane WHERE owner_epoch IS NULL AND complete_us IS NULL

-- name: count_held
SELECT count(*), coalesce(sum(status <> 6), 0) FROM task INDEXED BY task_owner WHERE owner_epoch IS NOT NULL

-- name: log_first
SELECT first_position FROM ledger

-- name: log_span
{row}
WHERE task.position > :after AND task.position <= :until {filter}
ORDER BY task.position

-- name: log_of_ids
{row}
WHERE +task.position > :after AND +task.position <= :until {filter}
ORDER BY task.position

-- name: oldest_results
SELECT position, sequence, status, complete_us, weight FROM task
WHERE position >= ? ORDER BY position LIMIT ?

-- name: oldest_failed
SELECT position, sequence, status, complete_us, weight FROM task INDEXED BY task_failed
WHERE status = 4 AND position < ? ORDER BY position LIMIT ?
