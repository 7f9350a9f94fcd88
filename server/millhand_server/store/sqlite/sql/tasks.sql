-- Rows: read, put in, changed. `{row}` in other files stands for the block of that name here.

-- name: row
SELECT
  task.sequence, task.status, task.queue, task.priority, task.urgency, task.create_us, task.due_us,
  task.start_by_us, task.owner_node, task.owner_epoch, task.attempt, task.retries_used, task.losses,
  task.start_us, task.complete_us, task.cancel_us, task.revision, task.position, task.detail, task.output,
  specification.principal, specification.session_id, specification.token, specification.start_timeout_us,
  specification.spec
FROM task CROSS JOIN specification USING (sequence)

-- name: tasks_by_id
{row}
WHERE task.id IN (SELECT value FROM json_each(?))

-- name: tasks_by_sequence
{row}
WHERE task.sequence IN (SELECT value FROM json_each(?))

-- name: sequence_by_key
SELECT sequence FROM specification
WHERE principal = ? AND idempotency_key = ? AND idempotency_key <> ''

-- name: insert_task
INSERT INTO task
  (sequence, id, queue, fairness_key, handler, priority, urgency, status, create_us, due_us, start_by_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_specification
INSERT INTO specification
  (sequence, principal, session_id, correlation_id, idempotency_key, token, start_timeout_us, spec)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: hold_tasks
UPDATE task SET owner_node = ?, owner_epoch = ?, attempt = attempt + 1, revision = revision + 1
WHERE sequence IN (SELECT value FROM json_each(?))

-- name: change_task
WITH changed (
  status, urgency, due_us, start_by_us, owner_node, owner_epoch, attempt, retries_used, losses,
  start_us, complete_us, cancel_us, revision, position, weight, detail, output, sequence
) AS (
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
)
UPDATE task SET
  status = changed.status, urgency = changed.urgency, due_us = changed.due_us, start_by_us =
  changed.start_by_us, owner_node = changed.owner_node, owner_epoch = changed.owner_epoch, attempt =
  changed.attempt, retries_used = changed.retries_used, losses = changed.losses, start_us =
  changed.start_us, complete_us = changed.complete_us, cancel_us = changed.cancel_us, revision =
  changed.revision, position = changed.position, weight = changed.weight, detail = changed.detail,
  output = changed.output
FROM changed WHERE task.sequence = changed.sequence

-- name: held_by_others
{row}
WHERE task.sequence IN (
  SELECT sequence FROM task INDEXED BY task_owner
  WHERE owner_epoch IS NOT NULL AND owner_epoch <> ? ORDER BY sequence LIMIT ?
)
ORDER BY task.sequence

-- name: delete_tasks
DELETE FROM task WHERE sequence IN (SELECT value FROM json_each(?))

-- name: delete_specifications
DELETE FROM specification WHERE sequence IN (SELECT value FROM json_each(?))
