-- Listings and counts, a part of the rows at a time. `{part}` is one of the two parts below. filters.py composes
-- `{filter}`, `{key}` and `{order}` (what a listing is sorted by), `{shown}` (the status that readers see) and
-- `{tables}`, all of constants.

-- name: part_of_span
task.sequence BETWEEN :low AND :high

-- name: part_of_sequences
task.sequence IN (SELECT value FROM json_each(:sequences))

-- name: keys_of_part
SELECT {key}, task.sequence FROM {tables}
WHERE {part} {filter}
ORDER BY {order} LIMIT :limit

-- name: rows_of_part
{row}
WHERE {part} {filter}

-- name: counts_of_part
SELECT {shown} AS shown, count(*) FROM {tables}
WHERE {part} {filter}
GROUP BY shown

-- name: end_of_span
SELECT max(sequence) FROM (SELECT sequence FROM task WHERE sequence >= ? ORDER BY sequence LIMIT ?)

-- name: start_of_span
SELECT min(sequence) FROM (SELECT sequence FROM task WHERE sequence <= ? ORDER BY sequence DESC LIMIT ?)

-- name: sequences_by_id
SELECT sequence FROM task WHERE id IN (SELECT value FROM json_each(?))

-- name: held_sequences
SELECT sequence FROM task INDEXED BY task_owner WHERE owner_epoch IS NOT NULL

-- name: unfinished_sequences
SELECT sequence FROM task INDEXED BY task_lane WHERE owner_epoch IS NULL AND complete_us IS NULL
UNION ALL
SELECT sequence FROM task INDEXED BY task_owner WHERE owner_epoch IS NOT NULL
