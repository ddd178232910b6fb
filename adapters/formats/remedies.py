"""How each fault is mended, in Chinese and English, for whoever writes the program that sends."""

from gateway.domain.faults import Fault, FaultCode

REMEDIES: dict[FaultCode, tuple[str, str]] = {
    FaultCode.HTTP_MALFORMED: (
        "请按 HTTP/1.1 发送：要有 Host，Content-Length 与 chunked 只用其一，"
        "请求头每个只写一次。",
        "Speak HTTP/1.1: with Host, one of Content-Length and chunked, each header once.",
    ),
    FaultCode.BODY_TOO_LARGE: (
        "请拆成几笔分别报送：一个报文至多 1 MiB，ISO 20022 大额文件另见 docs/iso20022.md。",
        "Send it in parts: a body has at most 1 MiB, an ISO 20022 message of many more.",
    ),
    FaultCode.BODY_INCOMPLETE: (
        "请核对 Content-Length 与报文字节数是否一致，5 秒内发完；可原样重发。",
        "See that Content-Length is the number of bytes, sent within 5 s; send the same again.",
    ),
    FaultCode.MEDIA_TYPE_UNSUPPORTED: (
        "请改正 Content-Type：JSON 指令用 application/json，凭证和 ISO 20022 用 application/xml；"
        "并核对地址是否与格式相符，代理银行是否受理该格式。监视文件夹中的文件：请重新导出"
        "（是否为空、是否选错了文件），换名再放。",
        "Correct the Content-Type (application/json, or application/xml for vouchers and ISO 20022)"
        " and the address; the bank may not take this format. A file of the watched folder (empty?"
        " another one?): export it again, under a new name.",
    ),
    FaultCode.CONTENT_ENCODING_REFUSED: (
        "请关闭客户端的压缩，不带 Content-Encoding，直接发送被签名的字节。",
        "Switch compression off in your client: send the very bytes that you signed.",
    ),
    FaultCode.NOT_JSON: (
        "请发送不带 BOM 的 UTF-8 JSON；签名和发送须是同一段字节。",
        "Send JSON in UTF-8 without a byte order mark; sign and send the same bytes.",
    ),
    FaultCode.NOT_XML: (
        "请发送完整的 XML，以声明开头（凭证须为 encoding=\"GBK\"）；签名和发送须是同一段字节。",
        "Send whole XML that begins with its declaration (a voucher's: encoding GBK); sign and send"
        " the same bytes.",
    ),
    FaultCode.NOT_GBK: (
        "凭证信封及其中 base64 内的凭证都须是 GBK 编码，与 Content-Type 的 charset 无关。",
        "Envelope and the voucher in its base64 are GBK, whatever the charset of Content-Type.",
    ),
    FaultCode.DTD_REFUSED: (
        "请去掉 DOCTYPE、实体、注释、CDATA 和处理指令。",
        "Take out DOCTYPE, entities, comments, CDATA and processing instructions.",
    ),
    FaultCode.FIELD_DUPLICATE: (
        "请让每个字段只出现一次；本次未登记凭证号，改正后可用原号重报。",
        "Let each field stand once; the number is not used up, send it corrected.",
    ),
    FaultCode.INSTRUCTION_INVALID: (
        "请按 errors（没有时按 detail）逐条改正；本次未登记凭证号，改正后可用原号重报。",
        "Mend all that `errors`, or `detail`, names; the number is not used up, send it corrected.",
    ),
    FaultCode.VOUCHER_TYPE_UNSUPPORTED: (
        "请改用本接口受理的凭证类型：JSON 为 8202、5201，凭证另有 8207、5207。",
        "Use a type that this door takes: 8202 and 5201 in JSON, 8207 and 5207 as vouchers too.",
    ),
    FaultCode.SIGNATURE_MISSING: (
        "请在请求头 Signature-JWS（监视文件夹中为同名的 .jws 文件）中带上对报文原始字节的分离式"
        " JWS 签名（docs/agency.md）。",
        "Send the header Signature-JWS (in the watched folder: NAME.jws), a detached JWS over the"
        " body's bytes (docs/agency.md).",
    ),
    FaultCode.SIGNATURE_INVALID: (
        "请对实际发送的字节签名：签名输入是 base64url(头) + \".\" + 报文原字节（b64=false），"
        "ES256 签名为 64 字节 r‖s 而非 DER，头只含 alg、b64、crit、x5t#S256（可有 kid、typ）。",
        "Sign what is sent: base64url(header) + \".\" + the raw bytes (b64=false); ES256 is 64"
        " bytes r||s, not DER; the header holds alg, b64, crit, x5t#S256 (and kid, typ).",
    ),
    FaultCode.SIGNER_UNKNOWN: (
        "请核对 x5t#S256 是否为签名证书 DER 的 SHA-256（base64url 无填充），"
        "证书是否在有效期内并已交代理银行登记。",
        "x5t#S256 is the SHA-256 of the signing certificate's DER in base64url; the certificate"
        " must be valid and known to the bank.",
    ),
    FaultCode.SENDER_UNKNOWN: (
        "请核对 TLS 证书和签名证书是否属同一单位，或由本区划的渠道代为传送。",
        "TLS and signing certificate must be one party's, or a channel of the division carries.",
    ),
    FaultCode.SENDER_NOT_ENTITLED: (
        "请用该预算单位、其区划的渠道或财政部门的证书办理，并核对单位代码和区划。",
        "Let that agency, a channel or the bureau of its division do it; check both codes.",
    ),
    FaultCode.DIVISION_UNKNOWN: (
        "请核对行政区划代码；该区划须由代理银行先行开通。",
        "Check the division's code; the bank must open a division first.",
    ),
    FaultCode.INSTRUCTION_CONFLICT: (
        "同一凭证号只认第一次的字节，哪怕只差一个空格：要查结果请原样重发或查询，"
        "要另付一笔请换新凭证号。",
        "A number stands for its first bytes, to the last blank: to learn its outcome send those"
        " again or ask; for another payment use a new number.",
    ),
    FaultCode.INSTRUCTION_UNKNOWN: (
        "请核对区划/年度/类型/凭证号（字母区分大小写）；若从未得到答复，可原样重发同一字节。",
        "Check division/year/type/number (letters as sent); never answered: send the same bytes.",
    ),
    FaultCode.OVERLOADED: (
        "请按 Retry-After 稍候，原样重发同一字节。",
        "Wait as Retry-After says, then send the same bytes again.",
    ),
    FaultCode.PARTY_OVERLOADED: (
        "请减少同时在途的指令，按 Retry-After 稍候，原样重发同一字节。",
        "Have fewer under way at once; wait as Retry-After says, then send the same bytes again.",
    ),
    FaultCode.LEDGER_UNAVAILABLE: (
        "尚不能答复：请按 Retry-After 稍候，原样重发同一字节，切勿换号。",
        "No answer yet: wait as Retry-After says, send the same bytes, never under a new number.",
    ),
    FaultCode.REGISTERS_UNAVAILABLE: (
        "请按 Retry-After 稍候，原样重发同一字节；持续出现请联系代理银行。",
        "Wait as Retry-After says, send the same bytes again; if it goes on call the bank.",
    ),
    FaultCode.POLICIES_UNAVAILABLE: (
        "请按 Retry-After 稍候，原样重发同一字节；持续出现请联系代理银行。",
        "Wait as Retry-After says, send the same bytes again; if it goes on call the bank.",
    ),
    FaultCode.STOPPING: (
        "请重新连接，原样重发同一字节。",
        "Connect anew and send the same bytes again.",
    ),
    FaultCode.FEED_INVALID: (
        "请按 errors（没有时按 detail）逐条改正；未应用任何内容，改正后可用原版本号重发。",
        "Mend what is named; nothing was applied, and the version's number is free.",
    ),
    FaultCode.FEED_GAP: (
        "请先补发缺少的版本，或发送全量。",
        "Send the missing version first, or a whole snapshot.",
    ),
    FaultCode.FEED_CONFLICT: (
        "请使用高于现行版本的新版本号；同一版本只能以相同字节重发。",
        "Use a number above the version in force; one version is sent again as the same bytes.",
    ),
    FaultCode.REFUND_UNPAID: (
        "请核对原支付指令的区划/年度/类型/凭证号，以及该笔是否已支付。",
        "Check division/year/type/number of the payment, and that it was paid.",
    ),
    FaultCode.REFUND_EXCEEDS: (
        "请核对退款金额：累计退款不得超过已支付金额。",
        "Check the amount: all that comes back is at most what was paid.",
    ),
    FaultCode.REFUND_CONFLICT: (
        "请为另一笔退款使用新的流水号；同一笔退款须以相同字节重发。",
        "Use a number of its own for another refund; the same one is sent as the same bytes.",
    ),
    FaultCode.ROUTE_UNKNOWN: (
        "请核对地址，末尾不带斜杠；可用地址见 docs/openapi.json。",
        "Check the address, without a slash at its end; docs/openapi.json lists all.",
    ),
    FaultCode.METHOD_REFUSED: (
        "请使用响应头 Allow 所列的方法。",
        "Use a method that the header Allow names.",
    ),
    FaultCode.INTERNAL: (
        "是否办理尚不确定：请稍后查询，或原样重发同一字节，切勿换号；并联系代理银行。",
        "Whether it was taken is not known: ask, or send the same bytes, never under a new number;"
        " and call the bank.",
    ),
}  # fmt: skip


def remedy(fault: Fault) -> tuple[str, str]:
    """Chinese and English."""
    return REMEDIES[fault.code]
