-- name: cosigned_before
-- empty: the bureau has cosigned no checkpoint that was sealed before that moment
SELECT size, cosigned FROM log_checkpoint
WHERE division = $1 AND cosigned IS NOT NULL AND sealed_at < $2
ORDER BY size DESC
LIMIT 1

-- name: bodies_between
-- empty: no such records
SELECT body FROM log_record WHERE division = $1 AND seq >= $2 AND seq < $3
ORDER BY seq
