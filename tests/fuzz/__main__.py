"""Fuzz one parser, guided by coverage: `python -m tests.fuzz PARSER [libFuzzer options] [folder]`.

Ten minutes on one core, new finds kept beside the committed corpus:

    nice -n 15 python -m tests.fuzz iso -max_total_time=600 build/fuzz/iso tests/fuzz/corpus/iso
"""

import sys

import atheris

from tests.fuzz.target import target_of

WATCHED = [
    "adapters.formats", "adapters.bank", "gateway.domain", "gateway.web", "bureau.web.workbook",
    "bureau.web.uploads", "policies", "certs.signing.jws", "certs.signing.encoding", "certs.log",
    "certs.bundled", "doors",
]  # fmt: skip


def main() -> None:
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=WATCHED):
        target = target_of(name)
    atheris.Setup([sys.argv[0], *options], target)
    atheris.Fuzz()


main()
