"""Faults: what never became an instruction. Codes are stable, never reused, and all stand here.

Fault
  Unreadable          the bytes are not what they claim to be
  Unproven            the sender or the signature is not who it should be
  Conflicting         the identity is already decided on other bytes
  Unready             we cannot check now, so we do not pass; try again
"""

from enum import StrEnum

import attrs


class FaultCode(StrEnum):
    """What a client's program switches on. Those of `Unready` are sent again unchanged."""

    HTTP_MALFORMED = "http_malformed"
    BODY_TOO_LARGE = "body_too_large"
    BODY_INCOMPLETE = "body_incomplete"
    MEDIA_TYPE_UNSUPPORTED = "media_type_unsupported"
    CONTENT_ENCODING_REFUSED = "content_encoding_refused"
    NOT_JSON = "not_json"
    NOT_XML = "not_xml"
    NOT_GBK = "not_gbk"
    DTD_REFUSED = "dtd_refused"
    FIELD_DUPLICATE = "field_duplicate"
    INSTRUCTION_INVALID = "instruction_invalid"
    VOUCHER_TYPE_UNSUPPORTED = "voucher_type_unsupported"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_INVALID = "signature_invalid"
    SIGNER_UNKNOWN = "signer_unknown"
    SENDER_UNKNOWN = "sender_unknown"
    SENDER_NOT_ENTITLED = "sender_not_entitled"
    DIVISION_UNKNOWN = "division_unknown"
    INSTRUCTION_CONFLICT = "instruction_conflict"
    INSTRUCTION_UNKNOWN = "instruction_unknown"
    OVERLOADED = "overloaded"
    PARTY_OVERLOADED = "party_overloaded"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    REGISTERS_UNAVAILABLE = "registers_unavailable"
    POLICIES_UNAVAILABLE = "policies_unavailable"
    STOPPING = "stopping"
    FEED_INVALID = "feed_invalid"
    FEED_GAP = "feed_gap"
    FEED_CONFLICT = "feed_conflict"
    REFUND_UNPAID = "refund_unpaid"
    REFUND_EXCEEDS = "refund_exceeds"
    REFUND_CONFLICT = "refund_conflict"
    ROUTE_UNKNOWN = "route_unknown"
    METHOD_REFUSED = "method_refused"
    INTERNAL = "internal"


@attrs.frozen(kw_only=True)
class FieldError:
    """One thing wrong; `field` is its path, such as `payee.account` or `Detail[2].PayAmt`."""

    field: str
    code: str
    zh: str
    en: str


class Fault(Exception):
    """Raised up the line and turned into one problem document (RFC 9457) by the door."""

    status = 400

    def __init__(self, code: FaultCode, detail: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors


class Unreadable(Fault):
    status = 400


class Unproven(Fault):
    status = 403


class Conflicting(Fault):
    status = 409
    recorded = True
    """False if this content, or as much as is kept of one identity, was on record before."""


class Unready(Fault):
    status = 503
    retry_after_s = 2


def broken() -> Fault:
    """Our mistake, as it is told outside."""
    fault = Fault(FaultCode.INTERNAL, "our mistake; nothing is known to have passed")
    fault.status = 500
    return fault


class LedgerUnavailable(Exception):
    """The ledger cannot say whether it committed; nothing may be forwarded on this."""


class CommitUnknown(LedgerUnavailable):
    """It was asked to commit and has not answered: the database alone knows, and tells who asks
    again."""

    def __init__(self) -> None:
        super().__init__("it is not known whether it was committed")


class DatabaseUnreached(ConnectionError):
    """Where a database was looked for and why none answered; never a password. Not for parties."""


class BankSilent(Exception):
    """The bank did not answer, or not in a way that can be understood; nothing follows from it."""


class Undelivered(Exception):
    """A message to somebody else's address was not taken; why, without the address's secrets."""

    forbidden = False
    """The address itself must not be spoken to: trying again changes nothing."""


class BureauUnavailable(Exception):
    """The bureau did not answer, or not in a way that proves it has the records."""


class BureauUnproven(BureauUnavailable):
    """Something answered in the bureau's place, or the bureau holds another log than ours."""


class GatewayUnavailable(Exception):
    """A gateway did not answer, or not in a way that says what it holds; send it again."""


class FeedRefused(Exception):
    """A gateway has read what the bureau signed, and does not take it; somebody must look."""

    def __init__(self, words: str, code: str = "", zh: str = "") -> None:
        """`code`: the gateway's own (`FaultCode`), or none that can be read; `zh`: what it says in
        Chinese, for who reads it at the desk."""
        super().__init__(words)
        self.code, self.zh = code, zh


class StoreUnavailable(Exception):
    """The bureau's database cannot say whether it committed; nothing may be answered on this."""
