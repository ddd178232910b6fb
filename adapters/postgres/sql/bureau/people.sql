-- name: person
-- empty: nobody has this login.
SELECT
    login, division, office, name, code, password, totp, totp_used, party, subject, failures,
    locked_until, disabled
FROM desk_person
WHERE login = $1;

-- name: person_by_party
-- empty: no account is bound to this certificate.
SELECT login FROM desk_person WHERE party = $1;

-- name: person_by_subject
-- empty: no account is bound to this identity.
SELECT login FROM desk_person WHERE subject = $1;

-- name: people
-- empty: nobody after this login.
SELECT
    login, division, office, name, code, password IS NOT NULL AS has_password,
    totp IS NOT NULL AS has_totp, party, subject, failures, locked_until, disabled, created_at
FROM desk_person
WHERE login > $1
ORDER BY login
LIMIT $2;

-- name: add_person
-- empty: the login is taken.
INSERT INTO desk_person (login, division, office, name, code, party, subject, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING
RETURNING login;

-- name: able_administrators
-- empty: no administrator can sign in with what he knows or holds.
SELECT login, division
FROM desk_person
WHERE office = 'administrator' AND NOT disabled
AND ((password IS NOT NULL AND totp IS NOT NULL) OR party IS NOT NULL OR subject IS NOT NULL)
ORDER BY login
LIMIT 100;

-- name: ask
-- empty: never.
INSERT INTO account_request (
    kind, login, division, office, name, code, party, subject, reason, asked_by, asked_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
RETURNING number;

-- name: requests
-- empty: nothing was asked since then.
SELECT
    number, kind, login, division, office, name, code, party, subject, reason, asked_by, asked_at,
    decided_by, decided_at, agreed, linked_at, link_code IS NOT NULL AS has_link
FROM account_request
WHERE asked_at > $1 OR decided_at > $1
ORDER BY asked_at DESC, number DESC
LIMIT $2;

-- name: named
-- empty: every account is closed.
SELECT login, name FROM desk_person WHERE NOT disabled ORDER BY login;

-- name: request
-- empty: nothing was asked under this number.
SELECT number, login, division, asked_by FROM account_request WHERE number = $1;

-- name: decide
-- empty: it was decided, is too old, is one's own, or who asked is no administrator any more.
UPDATE account_request AS r
SET decided_by = $2, agreed = $3, link_code = CASE WHEN r.kind <> 'reopen' THEN $4::bytea END,
    decided_at = $5
WHERE r.number = $1 AND r.decided_by IS NULL AND r.asked_by <> $2 AND r.asked_at > $6
AND EXISTS (
    SELECT FROM desk_person AS p
    WHERE p.login = r.asked_by AND p.office = 'administrator' AND NOT p.disabled
)
RETURNING kind, login, division, office, name, code, party, subject, asked_by;

-- name: take_link
-- empty: not agreed, taken before, too late, or asked by somebody else.
UPDATE account_request
SET linked_at = $3
WHERE number = $1 AND asked_by = $2 AND agreed AND link_code IS NOT NULL AND linked_at IS NULL
AND decided_at > $4
RETURNING login, division, link_code;

-- name: program_acts
-- empty: nothing was done to accounts or about holds from the command line since then.
SELECT division, seq, at, what, subject, body
FROM desk_act
WHERE division = any($1::text []) AND login = 'program' AND at > $2
AND what IN (
    'account.opened', 'account.invited', 'release.proposed', 'release.approved', 'release.rejected',
    'release.void_proposed', 'release.void_approved', 'release.void_rejected'
)
ORDER BY at DESC
LIMIT $3;

-- name: set_password
-- empty: always.
UPDATE desk_person
SET password = $2, failures = 0, locked_until = NULL
WHERE login = $1;

-- name: set_totp
-- empty: always.
UPDATE desk_person SET totp = $2, totp_used = $3 WHERE login = $1;

-- name: use_totp
-- empty: the code was used before, perhaps at this very moment by somebody else.
UPDATE desk_person
SET totp_used = $2
WHERE login = $1 AND totp_used < $2
RETURNING login;

-- name: failed
-- empty: nobody has this login.
UPDATE desk_person
SET failures = failures + 1,
    locked_until = CASE WHEN failures + 1 >= $2 THEN $3::timestamptz ELSE locked_until END
WHERE login = $1
RETURNING failures;

-- name: succeeded
-- empty: always.
UPDATE desk_person SET failures = 0, locked_until = NULL WHERE login = $1;

-- name: set_disabled
-- empty: always.
UPDATE desk_person SET disabled = $2 WHERE login = $1;

-- name: reset_factors
-- empty: always.
UPDATE desk_person
SET password = NULL, totp = NULL, failures = 0, locked_until = NULL
WHERE login = $1;

-- name: add_invitation
-- empty: always.
INSERT INTO desk_invitation (digest, login, expires_at, code) VALUES ($1, $2, $3, $4);

-- name: invitation
-- empty: the link was used, ran out or never was.
SELECT i.login, p.division, i.code IS NOT NULL AS wants_code
FROM desk_invitation AS i
JOIN desk_person AS p ON p.login = i.login
WHERE i.digest = $1 AND i.expires_at > $2;

-- name: take_invitation
-- empty: the link was used, ran out or never was, or the code is not the one of this link.
DELETE FROM desk_invitation
WHERE digest = $1 AND expires_at > $2 AND (code IS NULL OR code = $3)
RETURNING login;

-- name: drop_invitations
-- empty: always.
DELETE FROM desk_invitation WHERE login = $1 OR expires_at <= $2;

-- name: add_seat
-- empty: always.
INSERT INTO desk_seat (digest, login, way, opened_at, seen_at, expires_at)
VALUES ($1, $2, $3, $4, $4, $5);

-- name: seat
-- empty: not signed in, too long away, the account is closed, or the clock was turned back behind
-- the last visit: nobody knows how long ago that was.
SELECT p.login, p.division, p.office, p.name, p.code, p.party, s.way, s.seen_at,
    p.password IS NOT NULL AND p.totp IS NOT NULL AS equipped
FROM desk_seat AS s
JOIN desk_person AS p ON p.login = s.login
WHERE s.digest = $1 AND s.expires_at > $2 AND s.seen_at > $3 AND NOT p.disabled
    AND s.seen_at <= $2 + interval '2 minutes';

-- name: person_stands
-- empty: closed, or no longer of the password ($2, if given) that was proven just now. Whoever
-- closes or resets the account waits until the transaction has ended.
SELECT login FROM desk_person
WHERE login = $1 AND NOT disabled AND ($2::text IS NULL OR password = $2)
FOR NO KEY UPDATE;

-- name: seat_stands
-- empty: the session was ended. After person_stands: who ends it waits there.
SELECT login FROM desk_seat WHERE digest = $1;

-- name: seen
-- empty: always.
UPDATE desk_seat SET seen_at = $2 WHERE digest = $1;

-- name: end_seat
-- empty: no such session.
DELETE FROM desk_seat WHERE digest = $1 RETURNING login;

-- name: end_seats
-- empty: always.
DELETE FROM desk_seat WHERE login = $1;

-- name: drop_seats
-- empty: always.
DELETE FROM desk_seat WHERE expires_at <= $1 OR seen_at <= $2;

-- name: names
-- empty: nobody has one of these logins.
SELECT login, name FROM desk_person WHERE login = ANY($1::text[]);

-- name: views
-- empty: nothing was saved.
SELECT name, query FROM desk_view WHERE login = $1 ORDER BY name LIMIT 50;

-- name: keep_view
-- empty: so many are kept already.
INSERT INTO desk_view (login, name, query)
SELECT $1, $2, $3 WHERE (SELECT count(*) FROM desk_view WHERE login = $1) < 50
ON CONFLICT (login, name) DO NOTHING
RETURNING name;

-- name: free_view
-- empty: never. Before keep_view: the program may not change a view.
WITH gone AS (DELETE FROM desk_view WHERE login = $1 AND name = $2)
SELECT $2;

-- name: drop_view
-- empty: always.
DELETE FROM desk_view WHERE login = $1 AND name = $2;

-- name: open_trail
-- empty: always. The zero row first: an absent row takes no lock.
INSERT INTO desk_act_head (division, seq, digest) VALUES ($1, 0, $2)
ON CONFLICT (division) DO NOTHING;

-- name: lock_trail
-- empty: never, after open_trail.
SELECT seq, digest FROM desk_act_head WHERE division = $1 FOR UPDATE;

-- name: add_act
-- empty: always.
INSERT INTO desk_act (division, seq, at, login, what, subject, body, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: advance_trail
-- empty: always.
UPDATE desk_act_head SET seq = $2, digest = $3 WHERE division = $1;

-- name: acts
-- empty: nothing that fits happened before this number. Days narrow the numbers first: acts are
-- numbered as they come, but for a few whose clocks ran apart.
SELECT a.seq, a.at, a.login, p.name, p.office, a.what, a.subject, a.body, a.digest
FROM (
    SELECT seq, at, login, what, subject, body, digest
    FROM desk_act
    WHERE division = $1 AND seq < $2
        AND ($3::text = '' OR login = $3) AND ($4::text = '' OR what = $4)
        AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)
        AND ($6::timestamptz IS NULL OR seq <= 100 + coalesce((
            SELECT e.seq FROM desk_act AS e
            WHERE e.division = $1 AND e.at < $6 ORDER BY e.at DESC, e.seq DESC LIMIT 1
        ), 0))
        AND ($5::timestamptz IS NULL OR seq >= coalesce((
            SELECT e.seq FROM desk_act AS e
            WHERE e.division = $1 AND e.at >= $5 ORDER BY e.at, e.seq LIMIT 1
        ), 0) - 100)
    ORDER BY seq DESC
    LIMIT $7
) AS a
LEFT JOIN desk_person AS p ON p.login = a.login
ORDER BY a.seq DESC;

-- name: trail
-- empty: nothing happened after this number.
SELECT division, seq, at, login, what, subject, body, digest FROM desk_act
WHERE division = $1 AND seq > $2
ORDER BY seq
LIMIT $3;

-- name: trail_head
-- empty: nothing happened in this division.
SELECT seq, digest FROM desk_act_head WHERE division = $1;
