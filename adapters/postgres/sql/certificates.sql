-- name: cases
-- empty: nothing was ever asked for
SELECT c.id, c.profile, c.holder, c.hosts, c.request, c.key_digest, c.requester, c.requested_at,
       c.replaces, i.issuer, i.serial, i.thumbprint, i.not_before, i.not_after, i.certificate
FROM certificate_case AS c LEFT JOIN certificate_issued AS i ON i.case_id = c.id
ORDER BY c.requested_at, c.id

-- name: steps
-- empty: nothing was ever asked for
SELECT case_id, state, at, actor, act, signature, note FROM certificate_step ORDER BY case_id, no

-- name: lock
-- empty: never; decisions come one after another
SELECT pg_advisory_xact_lock(hashtextextended('treasury-gateway certificates', 0))

-- name: add_case
-- empty: always
INSERT INTO certificate_case
    (id, profile, holder, hosts, request, key_digest, requester, requested_at, replaces)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: add_step
-- empty: always
INSERT INTO certificate_step (case_id, no, state, at, actor, act, signature, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: add_issued
-- empty: always
INSERT INTO certificate_issued
    (case_id, issuer, serial, thumbprint, not_before, not_after, certificate)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: revoke
-- empty: it was revoked before
INSERT INTO certificate_revoked (issuer, serial, thumbprint, at, reason, actor)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING serial

-- name: notify
-- empty: never; every process listens
SELECT pg_notify('certificates', '')

-- name: revoked
-- empty: nothing was revoked
SELECT issuer, serial, thumbprint, at, reason FROM certificate_revoked ORDER BY at, issuer, serial

-- name: told
-- empty: no log tells of more certificates than were heard of; $1, $2: up to which number, by division
SELECT r.division, r.seq, s.body
FROM log_head AS h
    LEFT JOIN unnest($1::text [], $2::bigint []) AS k (division, heard) USING (division)
    CROSS JOIN LATERAL (
        SELECT division, seq FROM log_record
        WHERE division = h.division AND kind = 'certificate_event' AND seq > coalesce(k.heard, -1)
    ) AS r
    JOIN sealed_record AS s ON s.division = r.division AND s.seq = r.seq
ORDER BY r.division, r.seq

-- name: newest_lists
-- empty: no list was made
SELECT DISTINCT ON (issuer) issuer, number, this_update, next_update, pem
FROM revocation_list ORDER BY issuer, number DESC

-- name: add_list
-- empty: always
INSERT INTO revocation_list (issuer, number, this_update, next_update, pem)
VALUES ($1, $2, $3, $4, $5)

-- name: see
-- empty: always
INSERT INTO certificate_seen
    (process, issuer, serial, place, holder, not_before, not_after, seen_at)
SELECT $1, s.issuer, s.serial, s.place, s.holder, s.not_before, s.not_after, $2
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
     AS s (issuer, serial, place, holder, not_before, not_after)
ON CONFLICT (process, place, issuer, serial) DO UPDATE SET seen_at = EXCLUDED.seen_at

-- name: count_refused
-- empty: always
INSERT INTO handshake_refused (process, reason, count, last_at)
SELECT $1, r.reason, r.count, $2 FROM unnest($3::text[], $4::bigint[]) AS r (reason, count)
ON CONFLICT (process, reason) DO UPDATE
SET count = handshake_refused.count + EXCLUDED.count, last_at = EXCLUDED.last_at

-- name: forget
-- empty: always
DELETE FROM certificate_seen WHERE seen_at < $1

-- name: seen
-- empty: no process has loaded or met a certificate lately
SELECT issuer, serial, place, holder, not_before, not_after, max(seen_at) AS seen_at,
       array_agg(DISTINCT process ORDER BY process) AS processes
FROM certificate_seen
GROUP BY issuer, serial, place, holder, not_before, not_after
ORDER BY holder, place

-- name: refused
-- empty: no handshake was refused
SELECT reason, sum(count)::bigint AS count, max(last_at) AS last_at
FROM handshake_refused GROUP BY reason ORDER BY reason

-- name: logs
-- empty: nothing was sealed yet
SELECT h.division, h.size, h.acknowledged_size, c.sealed_at,
       (SELECT d.cosigned_at FROM log_checkpoint AS d
        WHERE d.division = h.division AND d.size <= h.acknowledged_size
              AND d.cosigned_at IS NOT NULL
        ORDER BY d.size DESC LIMIT 1) AS cosigned_at
FROM log_head AS h
     LEFT JOIN LATERAL (
         SELECT sealed_at FROM log_checkpoint AS c
         WHERE c.division = h.division AND c.size = h.size
         OFFSET 0
     ) AS c ON true
ORDER BY h.division

-- name: raise_alert
-- empty: it was raised before
INSERT INTO certificate_alert (subject, threshold, raised_at, body, next_at)
VALUES ($1, $2, $3, $4, $3)
ON CONFLICT DO NOTHING
RETURNING subject

-- name: untold_alerts
-- empty: every alert is delivered, or waits for its next attempt
SELECT subject, threshold, body, attempts FROM certificate_alert
WHERE delivered_at IS NULL AND next_at <= $1 ORDER BY raised_at LIMIT $2

-- name: alerts
-- empty: no alert was ever raised
SELECT subject, threshold, raised_at, attempts, delivered_at FROM certificate_alert
ORDER BY raised_at DESC LIMIT 200

-- name: alert_tried
-- empty: always
UPDATE certificate_alert
SET attempts = attempts + 1, next_at = $3, delivered_at = $4
WHERE subject = $1 AND threshold = $2
