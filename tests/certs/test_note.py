"""Notes and checkpoints: what C2SP says, and every other spelling refused."""

import base64
import datetime as dt
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization

from certs.log.note import (
    Checkpoint,
    NoteRefused,
    checkpoint_text,
    cosign,
    cosignatures,
    log_key,
    log_origin,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
    sign_checkpoint,
    witness_key,
)
from certs.log.proof import ProofRefused, format_proof, parse_proof
from certs.signing.encoding import b64
from gateway.domain.tree import leaf_hash

AT = dt.datetime(2026, 3, 2, 9, 30, 15, 900_000, tzinfo=dt.UTC)
ROOT = hashlib.sha256(b"root").digest()


@pytest.fixture(scope="module")
def gateway(pki):
    return pki.party("gateway/ABC")


@pytest.fixture(scope="module")
def bureau(pki):
    return pki.party("bureau/220000000")


@pytest.fixture(scope="module")
def checkpoint(gateway) -> Checkpoint:
    return Checkpoint(origin=log_origin(gateway.uri, "220000000"), size=300, root=ROOT)


@pytest.fixture(scope="module")
def note(gateway, checkpoint) -> str:
    return sign_checkpoint(gateway, checkpoint)


def test_a_checkpoint_is_three_lines_and_one_signature_line(note, gateway) -> None:
    lines = note.split("\n")
    assert lines[0] == f"{gateway.uri}/log/220000000"
    assert lines[1] == "300"
    assert base64.b64decode(lines[2]) == ROOT
    assert lines[3] == "" and lines[4].startswith(f"— {lines[0]} ") and lines[5] == ""


def test_the_log_key_id_is_the_hash_of_its_spki_as_type_2_demands(note, gateway) -> None:
    spki = gateway.certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    line = parse_note(note).signatures[0]
    assert line.key_id == hashlib.sha256(spki).digest()[:4]
    assert line.blob[0] == 0x30  # DER


def test_the_examples_of_the_specification_parse() -> None:
    song = (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\n"
        "ed è subito sera.\n\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5d"
        "dnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
    )
    assert parse_note(song).text.endswith("ed è subito sera.\n")
    text = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
        "\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5"
        "/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJ"
        "sX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    parsed = parse_note(text)
    found = parse_checkpoint(parsed.text)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint_text(found) == parsed.text
    assert int.from_bytes(parsed.signatures[1].blob[:8], "big") == 1679315147


def test_a_checkpoint_opens_with_its_key_and_no_other(note, gateway, checkpoint, pki) -> None:
    key = log_key(gateway.certificate, checkpoint.origin)
    assert open_checkpoint(note, [key])[0] == checkpoint
    stranger = log_key(pki.party("gateway/ABC").certificate, checkpoint.origin)
    other_log = log_key(gateway.certificate, f"{gateway.uri}/log/220100000")
    for keys in ([], [stranger], [other_log]):
        with pytest.raises(NoteRefused):
            open_checkpoint(note, keys)
    assert open_checkpoint(note, [stranger, key, other_log])
    assert open_checkpoint(note, [key], AT)
    with pytest.raises(NoteRefused, match="not valid at this time"):
        open_checkpoint(note, [key], gateway.not_after + dt.timedelta(seconds=1))


def test_a_key_does_not_speak_for_another_gateways_log(gateway) -> None:
    for origin in ("spiffe://treasury.test/gateway/ABCD/log/1", f"{gateway.uri}2/log/1", "x"):
        with pytest.raises(ValueError, match="does not speak"):
            log_key(gateway.certificate, origin)


def test_a_cosignature_tells_who_saw_it_when_to_the_second(
    note, bureau, gateway, checkpoint, pki
) -> None:
    cosigned = cosign(note, bureau, AT)
    assert cosigned.startswith(note)
    key = log_key(gateway.certificate, checkpoint.origin)
    _, signed = open_checkpoint(cosigned, [key])
    found = cosignatures(signed, [witness_key(bureau.certificate)])
    assert [(each.name, each.at) for each in found] == [(bureau.uri, AT.replace(microsecond=0))]
    stranger = witness_key(pki.party("bureau/220000000").certificate)
    assert cosignatures(signed, [stranger]) == ()


@pytest.mark.parametrize("seconds", [253_402_300_799, 253_402_300_800, 2**63, 2**64 - 1])
def test_a_time_beyond_the_calendar_is_refused_though_it_is_signed(note, bureau, seconds) -> None:
    """A bureau's clock gone wrong must not end whoever reads what it signed."""
    key = witness_key(bureau.certificate)
    message = f"cosignature/v1\ntime {seconds}\n{parse_note(note).text}".encode()
    blob = key.key_id + seconds.to_bytes(8, "big") + bureau.raw(message)
    signed = parse_note(f"{note}— {key.name} {base64.b64encode(blob).decode()}\n")
    with pytest.raises(NoteRefused, match="calendar"):
        cosignatures(signed, [key])


def test_a_cosignature_of_another_time_or_text_is_refused(note, bureau, checkpoint) -> None:
    cosigned = cosign(note, bureau, AT)
    line = cosigned.splitlines()[-1]
    name, blob = line.split(" ")[1], base64.b64decode(line.split(" ")[2])
    later = blob[:4] + (int.from_bytes(blob[4:12], "big") + 1).to_bytes(8, "big") + blob[12:]
    key = witness_key(bureau.certificate)
    for other in (later, blob[:-1], blob + b"\0"):
        forged = f"{note}— {name} {base64.b64encode(other).decode()}\n"
        with pytest.raises(NoteRefused):
            cosignatures(parse_note(forged), [key])
    moved = parse_note(cosigned.replace("\n300\n", "\n301\n"))
    with pytest.raises(NoteRefused):
        cosignatures(moved, [key])


@pytest.mark.parametrize("cut", [1, 64, 71])
def test_a_cosignature_that_is_cut_off_is_refused_and_not_read(note, bureau, cut: int) -> None:
    signed = cosign(note, bureau, AT)
    *_, line = signed.splitlines()
    name, blob = line.removeprefix("— ").split(" ")
    short = signed.replace(line, f"— {name} {b64(base64.b64decode(blob)[:-cut])}")
    with pytest.raises(NoteRefused, match="another length"):
        cosignatures(parse_note(short), [witness_key(bureau.certificate)])


def test_the_witness_key_id_commits_to_name_type_and_key(note, bureau) -> None:
    spki = bureau.certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    kind = b"\xfftreasury-gateway/cosignature-p256-sha256/v1"
    digest = hashlib.sha256(bureau.uri.encode() + b"\n" + kind + spki).digest()
    assert witness_key(bureau.certificate).key_id == digest[:4]


def test_a_witness_key_can_not_pass_for_a_log_key(note, gateway, checkpoint) -> None:
    """The same key with another signature type has another id (signed-note)."""
    as_log = log_key(gateway.certificate, checkpoint.origin)
    as_witness = witness_key(gateway.certificate)
    assert as_log.key_id != as_witness.key_id
    assert cosignatures(parse_note(note), [as_witness]) == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda n: n[:-1],
        lambda n: n.replace("\n\n", "\n"),
        lambda n: n.replace("\n", "\r\n"),
        lambda n: n + "\n",
        lambda n: n + "x\n",
        lambda n: n.replace("— ", "- "),
        lambda n: n.replace("\n300\n", "\n0300\n"),
        lambda n: n.replace("\n300\n", "\n+300\n"),
        lambda n: n.replace("\n300\n", "\n-300\n"),
        lambda n: n.replace("\n300\n", "\n3e2\n"),
        lambda n: n.replace("\n300\n", "\n３００\n"),
        lambda n: n.replace("\n300\n", "\n9999999999999999999\n"),
        lambda n: n.replace("\n300\n", "\n301\n"),
        lambda n: n.replace("\n300\n", "\n300\nextension\n"),
        lambda n: n.replace("\n300\n", "\n300 \n"),
        lambda n: " " + n,
        lambda n: n.replace("/log/", "/log /"),
        lambda n: n + n.splitlines()[-1] * 1 + "\x00\n",
        lambda n: n + (n.splitlines()[-1] + "\n") * 16,
        lambda n: "\n\n" + n.splitlines()[-1] + "\n",
        lambda n: "",
        lambda n: n + "x" * 70_000,
    ],
)
def test_no_second_spelling_of_a_checkpoint_opens(spoil, note, gateway, checkpoint) -> None:
    key = log_key(gateway.certificate, checkpoint.origin)
    with pytest.raises(NoteRefused):
        open_checkpoint(spoil(note), [key])


def _signed_as_it_stands(gateway, text: str, origin: str) -> str:
    """By a log that writes what it likes: the signature is good."""
    key = log_key(gateway.certificate, origin)
    return f"{text}\n— {origin} {b64(key.key_id + gateway.der(text.encode()))}\n"


def test_what_is_no_checkpoint_does_not_become_one_by_its_logs_own_signature(
    gateway, checkpoint
) -> None:
    text, origin = checkpoint_text(checkpoint), checkpoint.origin
    keys = [log_key(gateway.certificate, each) for each in (origin, f"{origin}1", f"{origin}\x01")]
    assert open_checkpoint(_signed_as_it_stands(gateway, text, origin), keys)[0] == checkpoint
    for wrong, why in (
        (text + "extension\n", "three lines"),
        (text.replace("\n300\n", "\n9223372036854775808\n"), "plain decimal"),
        (text.replace("\n300\n", "\n\n"), "plain decimal"),
    ):
        with pytest.raises(NoteRefused, match=why):
            open_checkpoint(_signed_as_it_stands(gateway, wrong, origin), keys)
    with pytest.raises(NoteRefused, match="no signature of the log's known key"):
        open_checkpoint(_signed_as_it_stands(gateway, text, f"{origin}1"), keys)
    with pytest.raises(NoteRefused, match="control characters"):
        strange = text.replace(origin, f"{origin}\x01")
        open_checkpoint(_signed_as_it_stands(gateway, strange, f"{origin}\x01"), keys)
    for nothing in ("\n\n— a AAAAAAA=\n", "\n— a AAAAAAA=\n"):
        with pytest.raises(NoteRefused, match="no signatures after an empty line"):
            parse_note(nothing)


def test_pad_bits_in_a_root_or_signature_are_refused(note, gateway, checkpoint) -> None:
    key = log_key(gateway.certificate, checkpoint.origin)
    root = base64.b64encode(ROOT).decode()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    varied = root[:-2] + alphabet[alphabet.index(root[-2]) + 1] + "="
    assert base64.b64decode(varied, validate=True) == ROOT
    with pytest.raises(NoteRefused, match="canonical"):
        open_checkpoint(note.replace(root, varied), [key])


def test_a_proof_is_written_and_read_back_word_for_word(note) -> None:
    path = [leaf_hash(b"a"), leaf_hash(b"b")]
    text = format_proof(7, path, note)
    assert text.startswith("c2sp.org/tlog-proof@v1\nindex 7\n")
    read = parse_proof(text)
    assert (read.index, list(read.path), read.checkpoint, read.extra) == (7, path, note, None)
    extra = text.replace("\nindex", "\nextra QQ==\nindex")
    assert parse_proof(extra).extra == b"A"
    assert parse_proof(format_proof(0, [], note)).path == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("@v1", "@v2"),
        ("index 7", "index 07"),
        ("index 7", "index -7"),
        ("index 7", "Index 7"),
        ("index 7\n", ""),
        ("\nindex", "\nextra QR==\nindex"),
        ("\nindex", "\nextra QQ==\nextra QQ==\nindex"),
        ("index 7\n", "index 7\nQQ==\n"),
        ("index 7\n", "index 7\n!\n"),
        ("\n\n", "\n"),
    ],
)
def test_no_second_spelling_of_a_proof_is_read(old: str, new: str, note) -> None:
    text = format_proof(7, [leaf_hash(b"a")], note)
    with pytest.raises(ProofRefused):
        parse_proof(text.replace(old, new))
    with pytest.raises(ProofRefused):
        parse_proof("")
