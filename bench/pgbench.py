"""pgbench doing the same durable work on the same server: insert, conditional update, insert.

The yardstick that does not change with our program: one transaction of three prepared statements
for each instruction, its payloads the size of ours and sent with each, as any client must send
them, on one of many lines or on one hot line.
"""

import os
import re
import subprocess
from pathlib import Path

from adapters.postgres.embedded.binaries import installed_binaries, library_folder
from adapters.postgres.embedded.server import EmbeddedPostgres

CLIENTS = (8, 32, 64)
THREADS = 2
LINES = 400

_TABLES = """
CREATE TABLE IF NOT EXISTS bench_instruction (
    id bigint PRIMARY KEY, raw bytea NOT NULL, decision bytea NOT NULL);
CREATE TABLE IF NOT EXISTS bench_limit (
    id integer PRIMARY KEY, granted bigint NOT NULL, reserved bigint NOT NULL,
    CHECK (reserved <= granted)) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS bench_record (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL);
INSERT INTO bench_limit SELECT n, 1000000000000, 0 FROM generate_series(1, {lines}) AS n
ON CONFLICT DO NOTHING;
"""
# Payloads in hexadecimal, as variables: in the statement's text they would be constants of a plan
# that the server keeps, and nothing would be sent.
_WORK = """\\set id random(1, 9000000000000000000)
\\set line random(1, {lines})
BEGIN;
INSERT INTO bench_instruction (id, raw, decision)
VALUES (:id, :raw::bytea, :decision::bytea);
UPDATE bench_limit SET reserved = reserved + 1 WHERE id = :line AND granted - reserved >= 1;
INSERT INTO bench_record (body) VALUES (:body::bytea);
COMMIT;
"""


class Pgbench:
    """`raw`, `decision` and `body` are what an admission of ours writes for one instruction."""

    def __init__(
        self, server: EmbeddedPostgres, folder: Path, *, raw: bytes, decision: bytes, body: bytes
    ) -> None:
        self._dsn = server.create_database("pgbench")
        payloads = {"raw": raw, "decision": decision, "body": body}
        self._payloads = [
            word for name, value in payloads.items() for word in ("-D", f"{name}=\\x{value.hex()}")
        ]
        self._scripts: dict[str, Path] = {}
        for kind, lines in (("spread", LINES), ("hot", 1)):
            script = folder / f"pgbench-{kind}.sql"
            script.write_text(_WORK.format(lines=lines), "utf-8")
            self._scripts[kind] = script
        self._run("psql", "-Xqv", "ON_ERROR_STOP=1", "-c", _TABLES.format(lines=LINES))

    def rate(self, kind: str, clients: int, seconds: int) -> float:
        """Transactions per second, connecting not counted. Raises RuntimeError."""
        for longer in (1, 4, 16):  # on a busy machine a second may end before its first transaction
            said = self._run(
                *("pgbench", "-n", "-M", "prepared", "-f", str(self._scripts[kind])),
                *self._payloads,
                *("-c", str(clients), "-j", str(min(THREADS, clients))),
                *("-T", str(seconds * longer)),
            )
            if found := re.search(r"tps = ([0-9.]+) \(without", said):
                return float(found[1])
        raise RuntimeError(f"pgbench said no rate: {said}")

    def best(self, kind: str, seconds: int) -> tuple[float, dict[str, float]]:
        """The best rate over CLIENTS, and all of them."""
        rates = {str(clients): self.rate(kind, clients, seconds) for clients in CLIENTS}
        return max(rates.values()), rates

    def _run(self, program: str, *arguments: str) -> str:
        return said_by(program, *arguments, self._dsn)


def said_by(program: str, *arguments: str) -> str:
    """What one of PostgreSQL's own programs prints. Raises RuntimeError."""
    binaries = installed_binaries()
    ran = subprocess.run(
        [str(binaries / program), *arguments],
        env={**os.environ, "LD_LIBRARY_PATH": library_folder(binaries)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"{program}: {ran.stderr.strip()}")
    return ran.stdout
