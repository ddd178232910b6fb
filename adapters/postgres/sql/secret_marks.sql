-- name: keep
-- empty: a mark of this name is kept already
INSERT INTO secret_mark (name, mark) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING name

-- name: marks
-- empty: no gateway has started on this database since marks are kept
SELECT name, mark FROM secret_mark
