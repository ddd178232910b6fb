"""What the inbox answers when it refuses: RFC 9457 problem documents with a stable code."""

from enum import StrEnum

import orjson
from aiohttp import web

RETRY_AFTER_S = 2


class InboxFault(StrEnum):
    """Codes are stable and never reused."""

    DELIVERY_UNREADABLE = "delivery_unreadable"
    DELIVERY_REFUSED = "delivery_refused"
    BODY_TOO_LARGE = "body_too_large"
    MEDIA_TYPE_UNSUPPORTED = "media_type_unsupported"
    CONTENT_ENCODING_REFUSED = "content_encoding_refused"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_INVALID = "signature_invalid"
    SENDER_UNKNOWN = "sender_unknown"
    SENDER_NOT_ENTITLED = "sender_not_entitled"
    DIVISION_UNKNOWN = "division_unknown"
    OVERLOADED = "overloaded"
    STORE_UNAVAILABLE = "store_unavailable"
    WITNESS_ENDED = "witness_ended"
    WITNESS_SILENT = "witness_silent"
    ROUTE_UNKNOWN = "route_unknown"
    METHOD_REFUSED = "method_refused"
    HTTP_MALFORMED = "http_malformed"
    INTERNAL = "internal"


STATUS = {
    InboxFault.DELIVERY_UNREADABLE: 400,
    InboxFault.DELIVERY_REFUSED: 422,
    InboxFault.BODY_TOO_LARGE: 413,
    InboxFault.MEDIA_TYPE_UNSUPPORTED: 415,
    InboxFault.CONTENT_ENCODING_REFUSED: 415,
    InboxFault.SIGNATURE_MISSING: 400,
    InboxFault.SIGNATURE_INVALID: 403,
    InboxFault.SENDER_UNKNOWN: 403,
    InboxFault.SENDER_NOT_ENTITLED: 403,
    InboxFault.DIVISION_UNKNOWN: 404,
    InboxFault.OVERLOADED: 503,
    InboxFault.STORE_UNAVAILABLE: 503,
    InboxFault.WITNESS_ENDED: 503,
    InboxFault.WITNESS_SILENT: 503,
    InboxFault.ROUTE_UNKNOWN: 404,
    InboxFault.METHOD_REFUSED: 405,
    InboxFault.HTTP_MALFORMED: 400,
    InboxFault.INTERNAL: 500,
}


class Refused(Exception):
    """Raised anywhere in the door; `more` goes into the document as it is."""

    def __init__(self, code: InboxFault, detail: str, **more: object) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.more = more


def problem(code: InboxFault, detail: str, **more: object) -> web.Response:
    """`{"code","detail","status","title","type", ...}`; 503 carries Retry-After."""
    status = STATUS[code]
    document = {
        "type": f"urn:treasury-gateway:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "code": code,
        "detail": detail,
        **more,
    }
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    return web.Response(
        status=status,
        body=orjson.dumps(document),
        content_type="application/problem+json",
        headers=headers,
    )
