"""What a migration does to the programs that are there already: they go on while it is applied, and
after it until the last of them has been ended (docs/runbooks/upgrade.md, decision 0141).

Told from PostgreSQL's own catalogue, before and after; of what a file does to stored rows from its
text. A finding is a thing that a running program of before could meet.
"""

import re

import attrs

from adapters.postgres.reach import Connection

ROLE = "gateway_runtime"

_COLUMNS = """
SELECT c.relkind::text AS kind, c.relname::text AS relation, a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS demanded, a.attnotnull AS not_null
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'c')
      AND a.attnum > 0 AND NOT a.attisdropped AND NOT c.relispartition
"""
_FILES = """
SELECT oid::regclass::text, pg_relation_filenode(oid) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""
_RULES = """
SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND conparentid = 0
      AND contype <> 'n'
UNION ALL
SELECT tgrelid::regclass::text, tgname::text, 'TRIGGER' FROM pg_trigger
WHERE NOT tgisinternal AND tgparentid = 0
"""
_INDEXES = """
SELECT i.indrelid::regclass::text AS relation, i.indexrelid::regclass::text AS name, i.indisunique
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
"""
_FUNCTIONS = """
SELECT proname || '(' || pg_get_function_identity_arguments(oid) || ')',
       pg_get_function_result(oid) FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
"""
_RIGHTS = """
SELECT s.what || ' ' || a.privilege_type
FROM (
    SELECT relname::text AS what, relacl AS acl FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT attrelid::regclass || '.' || attname, attacl FROM pg_attribute
    WHERE attacl IS NOT NULL AND NOT attisdropped
    UNION ALL
    SELECT proname || '(' || pg_get_function_identity_arguments(oid) || ')', proacl FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
) AS s CROSS JOIN LATERAL aclexplode(s.acl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
WHERE r.rolname = $1
"""
_BODY = re.compile(r"\$(\w*)\$.*?\$\1\$", re.DOTALL)
_REMARK = re.compile(r"--[^\n]*")
_STORED = re.compile(
    r"^\s*(?:WITH\b.*?\b)?(UPDATE|DELETE FROM|TRUNCATE|LOCK TABLE)\s+(\w+)", re.DOTALL
)


@attrs.frozen(kw_only=True)
class Seen:
    """The schema at one moment, as far as a running program rests on it."""

    relations: frozenset[str]
    columns: dict[tuple[str, str], tuple[str, str, bool, bool]]
    """By relation and column: kind, type, whether a row must bring it, whether it is not null."""
    files: dict[str, int]
    rules: frozenset[tuple[str, str, str]]
    indexes: dict[tuple[str, str], bool]
    functions: dict[str, str]
    rights: frozenset[str]


async def seen(connection: Connection) -> Seen:
    columns = {
        (row["relation"], row["name"]):
            (row["kind"], row["type"], row["demanded"], row["not_null"])
        for row in await connection.fetch(_COLUMNS)
    }  # fmt: skip
    return Seen(
        relations=frozenset(relation for relation, _ in columns),
        columns=columns,
        files={row[0]: row[1] for row in await connection.fetch(_FILES)},
        rules=frozenset(tuple(row) for row in await connection.fetch(_RULES)),
        indexes={(row[0], row[1]): row[2] for row in await connection.fetch(_INDEXES)},
        functions={row[0]: row[1] for row in await connection.fetch(_FUNCTIONS)},
        rights=frozenset(row[0] for row in await connection.fetch(_RIGHTS, ROLE)),
    )


def felt(before: Seen, after: Seen, text: str) -> set[str]:
    """What a program of before could meet in what a file has done."""
    return {
        *_of_columns(before, after),
        *(f"{name} is written anew, and nobody reads it meanwhile"
          for name, file in before.files.items() if after.files.get(name, file) != file),
        *(f"{relation} has the new rule {name}"
          for relation, name, _ in after.rules - before.rules if relation in before.relations),
        *(f"{relation} is not written while {name} is made"
          for relation, name in after.indexes.keys() - before.indexes.keys()
          if relation in before.relations),
        *(f"{relation} has no {name} any more, which tells one row from another"
          for (relation, name), unique in before.indexes.items()
          if unique and (relation, name) not in after.indexes),
        *(f"{name} is gone" for name in before.functions.keys() - after.functions.keys()),
        *(f"{name} answers otherwise" for name, result in before.functions.items()
          if after.functions.get(name, result) != result),
        *(f"{ROLE} may not any more: {right}" for right in before.rights - after.rights),
        *(f"{table}: {how.split()[0]} of what is stored" for how, table in _stored(text)
          if table in before.relations),
    }  # fmt: skip


def _of_columns(before: Seen, after: Seen) -> set[str]:
    found = set()
    for (relation, name), (_, type, _, not_null) in before.columns.items():
        now = after.columns.get((relation, name))
        if now is None:
            found.add(f"{relation}.{name} is gone")
        elif now[1] != type:
            found.add(f"{relation}.{name} is of another type")
        elif now[3] and not not_null:
            found.add(f"{relation}.{name} must be filled from now on")
        elif not_null and not now[3]:
            found.add(f"{relation}.{name} may be empty from now on")
    for (relation, name), (kind, _, demanded, _) in after.columns.items():
        if relation in before.relations and (relation, name) not in before.columns:
            if kind == "c":
                found.add(f"the type {relation} has {name} besides, and a driver remembers types")
            elif demanded and kind != "v":
                found.add(f"{relation}.{name} must be filled, and nobody knows it")
    return found


def _stored(text: str) -> list[tuple[str, str]]:
    plain = _REMARK.sub("", _BODY.sub("''", text))
    return [found.groups() for each in plain.split(";") if (found := _STORED.search(each))]
