"""Proves the folder of a day with nothing of ours: `python3 day.py FOLDER BANK.pem BUREAU.pem`.

Written from docs/records.md alone, for who trusts no program of a party. It needs Python and the
package cryptography. The PEM files may hold several certificates, after a change of keys. Suite
GW1-P256-SHA256. Exit 0: nothing is missing, altered or signed by another; else 1, and why.
"""

import base64
import collections
import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

COSIGNATURE = b"\n\xfftreasury-gateway/cosignature-p256-sha256/v1"


class Wrong(Exception):
    pass


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def spki(certificate):
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def proves(certificate, signature, message, at=None):
    """`signature`: DER, or r and s of 32 bytes each. `at`: the certificate must have counted."""
    if len(signature) == 64:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        signature = encode_dss_signature(r, s)
    try:
        certificate.public_key().verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return at is None or certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def checkpoint(text, banks, bureaus):
    """Origin, size, root and the moment at which the bureau witnessed it; signed by both."""
    body, _, lines = text.partition("\n\n")
    body += "\n"
    origin, size, root = body.splitlines()
    signed = [line.split(" ") for line in lines.splitlines()]
    blobs = [(name, base64.b64decode(blob)) for _, name, blob in signed]
    for name, blob in blobs:
        for bureau in bureaus:
            if blob[:4] != sha(name.encode(), COSIGNATURE, spki(bureau))[:4]:
                continue
            seconds = int.from_bytes(blob[4:12], "big")
            at = datetime.fromtimestamp(seconds, UTC)
            if not proves(
                bureau, blob[12:], f"cosignature/v1\ntime {seconds}\n{body}".encode(), at
            ):
                continue
            for bank in banks:
                names = bank.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
                [uri] = names.get_values_for_type(x509.UniformResourceIdentifier)
                mine = [b for n, b in blobs if n == origin and b[:4] == sha(spki(bank))[:4]]
                speaks = origin.startswith(f"{uri}/log/")
                if speaks and any(proves(bank, b[4:], body.encode(), at) for b in mine):
                    return origin, int(size), base64.b64decode(root), at
    raise Wrong("the checkpoint is not signed by the bank and witnessed by the bureau")


class Tree:
    """RFC 9162: perfect subtrees, largest first."""

    def __init__(self, size=0, frontier=()):
        heights = [height for height in range(63, -1, -1) if size >> height & 1]
        self.size, self.subtrees = size, list(zip(heights, frontier, strict=True))

    def append(self, body):
        self.subtrees.append((0, sha(b"\0", body)))
        self.size += 1
        while len(self.subtrees) > 1 and self.subtrees[-1][0] == self.subtrees[-2][0]:
            (height, right), (_, left) = self.subtrees.pop(), self.subtrees.pop()
            self.subtrees.append((height + 1, sha(b"\1", left, right)))

    def root(self):
        if not self.subtrees:
            return sha()
        *rest, (_, root) = self.subtrees
        for _, left in reversed(rest):
            root = sha(b"\1", left, root)
        return root


def on_path(leaf, index, size, path):
    """The root to which a path leads (RFC 9162, 2.1.3.2)."""
    last, root = size - 1, leaf
    for each in path:
        if index & 1 or index == last:
            root = sha(b"\1", each, root)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            root = sha(b"\1", root, each)
        index, last = index >> 1, last >> 1
    return root if last == 0 else None


def jws(text, certificates):
    """The payload of a compact JWS (ES256), if one of these keys signed it."""
    head, body, signature = text.strip().split(".")
    if not any(proves(c, unpadded(signature), f"{head}.{body}".encode()) for c in certificates):
        raise Wrong("a signature is of none of the keys given")
    return json.loads(unpadded(body))


def received(notice, receipt, bureaus):
    """Whether the bureau signed for this notice, alone or among several."""
    text, *place = receipt.split("~")
    said = jws(text, bureaus)
    if not place:
        return said["notice_sha256"] == hashlib.sha256(notice).hexdigest()
    index, path = int(place[0]), unpadded(place[1])
    steps = [path[n : n + 32] for n in range(0, len(path), 32)]
    return on_path(sha(b"\0", notice), index, said["size"], steps).hex() == said["root"]


def records(folder, banks, bureaus):
    """The day's records and the moment at which they were witnessed, proven to be all of them."""
    origin, size, root, at = checkpoint((folder / "checkpoint").read_text(), banks, bureaus)
    tree = Tree()
    if (folder / "previous").exists():
        before, begins, known, _ = checkpoint((folder / "previous").read_text(), banks, bureaus)
        frontier = (folder / "frontier").read_text().split()
        tree = Tree(begins, [base64.b64decode(each) for each in frontier])
        if (before, tree.root()) != (origin, known):
            raise Wrong("the frontier is not of the checkpoint before")
    found = []
    for line in (folder / "records.ndjson").read_bytes().splitlines():
        record = json.loads(line)
        if record["seq"] != tree.size:
            raise Wrong(f"record {tree.size} is not there; {record['seq']} stands in its place")
        tree.append(line)
        found.append(record)
    if (tree.size, tree.root()) != (size, root):
        raise Wrong(f"{tree.size} records are not the {size} that were signed")
    return found, at


def main(folder, bank, bureau):
    banks, bureaus = (x509.load_pem_x509_certificates(Path(f).read_bytes()) for f in (bank, bureau))
    found, at = records(folder, banks, bureaus)
    if (folder / "manifest.jws").exists():  # the bank's own list; a bureau's folder has none
        for each in jws((folder / "manifest.jws").read_text(), banks)["files"]:
            body = (folder / each["name"]).read_bytes()
            if (len(body), hashlib.sha256(body).hexdigest()) != (each["bytes"], each["sha256"]):
                raise Wrong(f"{each['name']} is not as the list has it")
    verdicts = [record for record in found if record["kind"] == "verdict"]
    payments = collections.Counter(
        (v["division"], v["fiscal_year"], v["voucher_type"], v["voucher_no"]) for v in verdicts
    )
    if twice := [payment for payment, count in payments.items() if count > 1]:
        raise Wrong(f"two verdicts: {twice}")
    signed_for = set()
    if (folder / "notices.ndjson").exists():
        for line in (folder / "notices.ndjson").read_bytes().splitlines():
            told = json.loads(line)
            notice = base64.b64decode(told["notice"])
            if told.get("receipt") and received(notice, told["receipt"], bureaus):
                signed_for.add(hashlib.sha256(notice).hexdigest())
    promised = {v["notice_sha256"] for v in verdicts if v["notice_sha256"]}
    print(f"records {found[0]['seq']} to {found[-1]['seq']}, witnessed {at:%Y-%m-%d %H:%M:%S} UTC")
    for outcome in ("passed", "held", "blocked"):
        fen = [v["amount_fen"] for v in verdicts if v["outcome"] == outcome]
        print(f"{outcome}: {len(fen)}, {sum(fen) // 100}.{sum(fen) % 100:02} yuan")
    print(f"notices promised: {len(promised)}; the bureau signed for {len(promised & signed_for)}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:4])
    except (Wrong, OSError, ValueError, KeyError) as wrong:
        sys.exit(f"NOT PROVEN: {wrong}")
