-- name: cosigned_before
-- empty: the bureau has cosigned no checkpoint that was sealed before that moment
SELECT size, cosigned FROM log_checkpoint
WHERE division = $1 AND cosigned IS NOT NULL AND sealed_at < $2
      AND size <= (SELECT acknowledged_size FROM log_head WHERE division = $1)
ORDER BY size DESC
LIMIT 1

-- name: known_before
-- empty: the bureau had cosigned nothing by that moment
SELECT size, cosigned FROM log_checkpoint
WHERE division = $1 AND cosigned_at < $2
      AND size <= (SELECT acknowledged_size FROM log_head WHERE division = $1)
ORDER BY size DESC
LIMIT 1

-- name: first_reaching
-- empty: the bureau has cosigned no checkpoint of so many records or more
SELECT size, cosigned FROM log_checkpoint
WHERE division = $1 AND cosigned IS NOT NULL AND size >= $2
ORDER BY size
LIMIT 1

-- name: checkpoint_of
-- empty: the bureau has cosigned no checkpoint of so many records or more
SELECT size, cosigned FROM log_checkpoint
WHERE division = $1 AND cosigned IS NOT NULL AND size >= $2
      AND size <= (SELECT acknowledged_size FROM log_head WHERE division = $1)
ORDER BY size DESC
LIMIT 1

-- name: notices_between
-- empty: nothing was held or refused in that time
SELECT body, receipt FROM notice
WHERE division = $1 AND created_at >= $2 AND created_at < $3
ORDER BY id

-- name: bodies_between
-- empty: no such records
SELECT body FROM sealed_record WHERE division = $1 AND seq >= $2 AND seq < $3
ORDER BY seq
