"""`submit`: sign instruction files and send them to a gateway, as an agency or channel would."""

import asyncio
import codecs
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from adapters.agency.client import GatewayClient, GatewaySilent
from adapters.agency.heard import Heard, heard_in
from adapters.formats.sniff import sniff
from certs.keys import load_signer
from certs.tls import Credentials, client_context
from gateway.commands.terminal import DONE, NO, USAGE, Json, bar, console, fail, show
from policies.book.names import article_zh

PASSPHRASE_VARIABLE = "SUBMIT_KEY_PASSPHRASE"  # noqa: S105 - the variable's name
_OUTCOMES_ZH = {
    "passed": "放行",
    "held": "挂起",
    "blocked": "拦截",
    "recalled": "已撤销或同意撤销（已付款的，款项以退款为准）",
    "recall_refused": "撤销未获同意",
    "recall_waits": "撤销待银行答复",
    None: "不予受理",
}

_BANK_STEPS = {
    "rejected": "银行未支付{}：改正后换新凭证号重报 the bank did not pay: under a new number",
    "unknown": "支付结果待查{}：绝不换号，查询或等通知 not known yet: never under a new number",
}


@attrs.frozen(kw_only=True)
class Sent:
    file: str
    status: int
    heard: Heard
    answer: bytes

    @property
    def passed(self) -> bool:
        if self.heard.outcome == "recalled":
            return True
        return self.heard.outcome == "passed" and self.heard.bank != "rejected"


def submit(
    files: Annotated[list[Path], typer.Argument(help="Instructions: JSON, MOF, ISO 20022.")],
    gateway: Annotated[str, typer.Option(help="Such as https://gateway.bank.example:8443.")],
    tls_certificate: Annotated[Path, typer.Option(help="Our connection's certificate, PEM.")],
    tls_key: Annotated[Path, typer.Option(help="Its key, encrypted PKCS#8.")],
    authority: Annotated[Path, typer.Option(help="The transport authority, PEM.")],
    sign_certificate: Annotated[Path, typer.Option(help="The sender's signing certificate, PEM.")],
    sign_key: Annotated[Path, typer.Option(help="Its key, encrypted PKCS#8.")],
    peer: Annotated[
        str | None, typer.Option(help="The gateway's URI; a host name alone proves little.")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(help="A folder for the answers, NAME.answer each.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign files and send them; each is answered with its outcome and, refused, with the reason.

    Sent again after silence or a 503, unchanged: that is safe. The passphrase of both keys is taken
    from SUBMIT_KEY_PASSPHRASE. A recall (camt.056) goes the same way. Exit 0 if all were passed or
    recalled, 1 if one was not.
    """
    passphrase = os.environ.get(PASSPHRASE_VARIABLE, "").encode()
    if not passphrase:
        raise fail(f"submit: set {PASSPHRASE_VARIABLE}, the passphrase of the two keys", USAGE)
    try:
        credentials = Credentials(
            certificate=tls_certificate, key=tls_key, passphrase=passphrase, authorities=authority
        )
        tls = client_context(credentials, peer=peer)
        signer = load_signer(sign_certificate, sign_key, passphrase)
        documents = [(path, path.read_bytes()) for path in files]
        if answers:
            answers.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as reason:
        raise fail(f"submit: {reason}", USAGE) from reason
    client = GatewayClient(gateway, tls, signer.document, waiting=_waiting)
    try:
        sent = asyncio.run(_send_all(client, documents, answers, as_json))
    except GatewaySilent as silent:
        raise fail(f"submit: {silent}; {_unanswered(silent)}") from silent
    raise typer.Exit(DONE if all(one.passed for one in sent) else NO)


async def _send_all(
    client: GatewayClient,
    documents: Sequence[tuple[Path, bytes]],
    answers: Path | None,
    as_json: bool,
) -> list[Sent]:
    """In order, one after another: an agency's instructions may rest on one another. Each answer
    is told as it comes: silence about a later file must not take it away. Raises GatewaySilent,
    which names the file."""
    sent: list[Sent] = []
    with bar() as progress:
        task = progress.add_task("发送 sending", total=len(documents))
        async with client:
            for path, raw in documents:
                try:
                    one = await _send(client, path.name, raw)
                except GatewaySilent as silent:
                    raise GatewaySilent(
                        f"{path.name}: {silent}",
                        perhaps_taken=silent.perhaps_taken, hung_up=silent.hung_up,
                        refused=silent.refused,
                    ) from silent  # fmt: skip
                sent.append(one)
                _tell([one], as_json)
                if answers and one.answer:
                    (answers / f"{path.name}.answer").write_bytes(one.answer)
                progress.advance(task)
    return sent


def _unanswered(silent: GatewaySilent) -> str:
    if silent.refused:
        perhaps = silent.perhaps_taken
        zh, en = ("可能已被受理", "may have been") if perhaps else ("未受理", "was not")
        return (
            f"此文件{zh}，其后的未发送：请向银行核对本方连接证书是否已到期、被吊销或并非其签发，"
            f"再原样重发 this file {en} taken, what follows it was not sent: ask the bank"
            " whether our connection's certificate has ended, is revoked or was never issued by it,"
            " then send the same files again"
        )
    if not silent.perhaps_taken:
        return (
            "没有连上，此文件及其后的未发送：请核对网关是否运行，以及"
            " --gateway（其证书上的主机名）、--peer 和 --authority，再重发"
            " not connected, this file and what follows it was not sent: see whether the gateway"
            " runs, check --gateway (the host name of its certificate), --peer and --authority,"
            " and send again"
        )
    words = (
        "可能已被受理，其后的文件未发送：请原样重发"
        " it may have been taken, what follows it was not sent: send the same files again"
    )
    if silent.hung_up:
        words += (
            "。每次连接都被断开：请向银行核对本方连接证书是否已到期、被吊销或并非其签发"
            " it hung up each time: ask the bank whether our connection's certificate"
            " has ended, is revoked or was never issued by it"
        )
    return words


def _waiting(wait_s: float, last: object) -> None:
    """Silence would look like hanging; each line says what the last try came to."""
    pause, words = f"{wait_s:.0f}", str(last) or type(last).__name__
    console.print(
        f"等待网关，{pause} 秒后重试 waiting for the gateway, retry in {pause} s: {words}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


async def _send(client: GatewayClient, name: str, raw: bytes) -> Sent:
    format = sniff(raw)
    if format is None:
        unknown = Heard(outcome=None, fault="media_type_unsupported", reasons=(_unread(raw),))
        return Sent(file=name, status=0, heard=unknown, answer=b"")
    given = await client.send(raw, format)
    heard = heard_in(given.status, given.body, format)
    return Sent(file=name, status=given.status, heard=heard, answer=given.body)


def _unread(raw: bytes) -> str:
    """Why a file is sent nowhere, and what to do."""
    if not raw.strip():
        return (
            "文件是空的，没有发送：请重新导出 the file is empty and was not sent: export it again"
        )
    if raw.startswith(codecs.BOM_UTF8) and sniff(raw.removeprefix(codecs.BOM_UTF8)):
        return (
            "文件以 BOM 开头，没有发送：请另存为不带 BOM 的编码"
            " it begins with a byte order mark and was not sent: save it without one"
        )
    return (
        "既不是 JSON、凭证信封，也不是 ISO 20022，没有发送：请核对是否选错了文件"
        " neither JSON, an envelope nor ISO 20022, and not sent: is it the right file?"
    )


def _tell(sent: Sequence[Sent], as_json: bool) -> None:
    if as_json:
        for one in sent:
            show(_row(one))
        return
    for one in sent:
        heard = one.heard
        bank = f"，银行 bank: {heard.bank}" if heard.bank else ""
        outcome = f"{_OUTCOMES_ZH[heard.outcome]} {heard.outcome or heard.fault}"
        typer.echo(" ".join((f"{one.file}: {outcome}{bank}", *heard.policies)))
        for line in _lines(heard):
            typer.echo(f"    {line}")


def _lines(heard: Heard) -> Iterator[str]:
    """Why, and what to do, as docs/agency.md has it."""
    if heard.bank in _BANK_STEPS:
        words = f"（{heard.bank_reason}）" if heard.bank_reason else ""
        yield _BANK_STEPS[heard.bank].format(words)
    if not heard.findings:
        yield from heard.reasons
    for found in heard.findings:
        yield f"{found.policy}（{article_zh(found.article)}）{found.reason}"
        if found.missing:
            yield f"  缺少 missing: {'；'.join(found.missing)}"
        if found.remedy:
            yield f"  处理办法 remedy: {found.remedy}"


def _row(one: Sent) -> dict[str, Any]:
    return {"file": one.file, "status": one.status, **attrs.asdict(one.heard)}
