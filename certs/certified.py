"""Whether a party's certificate counts, step by step, for an auditor with files alone."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from cryptography import x509

from certs.issued import issued_by
from certs.log.report import Exit, Report, Stopped, Walk
from certs.proven_list import against_list, is_revoked
from certs.reading import list_in
from certs.signatories import signatory
from certs.signing.signer import thumbprint_of, uri_of
from certs.signing.suites import public_of, suite_of

Certificate: TypeAlias = x509.Certificate
Revocations: TypeAlias = x509.CertificateRevocationList


def load_revocations(path: Path) -> Revocations:
    """A PEM list. Raises ValueError, OSError."""
    return list_in(path.read_bytes())


def verify_certificate(
    certificate: x509.Certificate,
    authorities: Sequence[x509.Certificate],
    at: dt.datetime,
    revocations: x509.CertificateRevocationList | None = None,
) -> Report:
    """A signing certificate of either suite under one of `authorities`, valid at `at`.

    `revocations` (P-256): the authority's list; without one nothing is said of revocation.
    """
    walk = Walk()
    try:
        _check_names(walk, certificate)
        walk.expect(
            any(issued_by(each, certificate) for each in authorities),
            "由所给的证据认证机构（--authority）签发。",
            "The evidence authority that was given issued it.",
        )
        try:
            one = signatory(authorities, certificate)
        except ValueError as reason:
            raise walk.fail(
                "证书不是签名证书：用途、期限或持有者不合要求，原因见下行。",
                f"It does not count as a signer's: {reason}.",
            ) from reason
        walk.expect(
            True,
            "只可用于签名。",
            "It is for signing only.",
        )
        walk.facts["not_after"] = one.not_after.isoformat()
        walk.expect(
            one.not_before <= at <= one.not_after,
            f"在 {at:%Y-%m-%d %H:%M} UTC 有效（至 {one.not_after:%Y-%m-%d}）。",
            f"It is valid at {at.isoformat()} (until {one.not_after.isoformat()}).",
        )
        if revocations is not None:
            _check_revoked(walk, certificate, authorities, revocations, at)
        return walk.report()
    except Stopped as stopped:
        return walk.report(stopped.exit)


def _check_names(walk: Walk, certificate: x509.Certificate) -> None:
    try:
        uri, suite = uri_of(certificate), suite_of(public_of(certificate)).name
    except ValueError as error:
        raise walk.fail("证书不可读。", f"It cannot be read: {error}.", Exit.USAGE) from error
    walk.facts |= {"uri": uri, "suite": suite, "serial": f"{certificate.serial_number:x}"}
    walk.facts["thumbprint"] = thumbprint_of(certificate)
    walk.expect(True, f"持有者 {uri}，套件 {suite}。", f"It names {uri}, suite {suite}.")


_LIST_ZH = {
    "the list is of another authority": "不是签发该证书的机构的列表",
    "the list is not signed by the authority": "不是该机构的签名",
    "the authority may not sign lists": "该机构无权签发列表",
    "the list is not current": "已过期，或尚未生效",
}


def _check_revoked(
    walk: Walk, certificate: x509.Certificate, authorities: Sequence[x509.Certificate],
    revocations: x509.CertificateRevocationList, at: dt.datetime,
) -> None:  # fmt: skip
    issuer = next(each for each in authorities if issued_by(each, certificate))
    for reason in against_list(revocations, issuer, at):
        walk.found(
            False,
            f"吊销列表不可用：{_LIST_ZH.get(reason, '不完整，或有不认识的内容')}。",
            f"The list of revocations cannot be relied on: {reason}.",
            Exit.USAGE if "current" in reason else Exit.INVALID,
        )
    walk.expect(
        True,
        "吊销列表由同一机构签名，且在有效期内。",
        "The list of revocations is signed by the same authority, and current.",
    )
    walk.expect(
        not is_revoked(revocations, certificate, at),
        "未被吊销。",
        "It is not revoked.",
    )
