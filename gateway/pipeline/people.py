"""Who is paid as a person: identities, filings, official cards, and the most that one of them gets.

One walk over payee and details gathers everything; an instruction without persons costs nothing.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator

import attrs

from gateway.domain.codes import AccountClass, BusinessType, PayeeKind, Settlement
from gateway.domain.folding import bare
from gateway.domain.identifiers import Identity, card_sound, identity
from gateway.domain.instruction import Instruction, Payee
from gateway.domain.masking import plain_account
from gateway.domain.money import Fen
from gateway.domain.registers import FiledPerson, Registers, accounts_of

_CHECK_X = frozenset("xX")
CASH = frozenset({Settlement.CASH, Settlement.CASH_CHEQUE})


@attrs.define(kw_only=True)
class People:
    """Counts over the individual payees of one instruction; the sums in fen."""

    count: int = 0
    unidentified: int = 0
    unfiled: int = 0
    off_card: int = 0
    ids_malformed: int = 0
    ids_mischecked: int = 0
    cards_unsound: int = 0
    cards_unregistered: int = 0
    cards_of_others: int = 0
    amount_max: Fen | None = None
    cash_max: Fen | None = None
    paid: str | None = None
    """Who is paid, where it is one person: the identity number, else the account, else the name."""


NOBODY = People()


def people_of(
    instruction: Instruction, registers: Registers, on: dt.date,
    personal: frozenset[str] = frozenset(),
) -> People:  # fmt: skip
    """`personal`: the accounts it pays to that the registers know as a person's (`Parties`)."""
    payee = instruction.payee
    repays = instruction.business_type is BusinessType.OFFICIAL_CARD_REPAYMENT
    if not instruction.details and not is_person(payee, registers, personal):
        if repays and not _is_card_account(instruction, registers):
            return People(cards_unregistered=1)
        return NOBODY
    found = People()
    sums: dict[str, int] = defaultdict(int)
    for person, amount in _persons(instruction, registers, personal):
        filed = _row(person, registers)
        _identify(found, person, filed, on)
        on_card = _is_on_card(person, filed)
        of_others = on_card and filed is not None and not _employs(instruction, filed, registers)
        found.off_card += not on_card or of_others
        found.cards_unregistered += repays and not on_card
        found.cards_of_others += repays and of_others
        if amount:
            sums[_who(person)] += amount
    if not instruction.details:
        found.paid = _who(payee)
    if sums:
        found.amount_max = Fen(max(sums.values()))
        if instruction.settlement in CASH:
            found.cash_max = found.amount_max
    return found


def is_person(payee: Payee, registers: Registers, personal: frozenset[str]) -> bool:
    """Whose account the registers know as a person's is paid as a person, whatever the sender
    calls it (Art. 10(3)12, 16); a card account that the agency filed in its own name is not."""
    if payee.kind is PayeeKind.PERSON:
        return True
    if payee.account not in personal:
        return False
    row = registers.account_of(payee.account)
    return not (
        row is not None
        and row.class_ is AccountClass.OFFICIAL_CARD
        and not registers.is_persons(payee.account)
    )


def _persons(
    instruction: Instruction, registers: Registers, personal: frozenset[str]
) -> Iterator[tuple[Payee, int]]:
    """Each individual payee with its amount; the head of a voucher with details gets none."""
    if is_person(instruction.payee, registers, personal):
        yield instruction.payee, 0 if instruction.details else instruction.amount_fen
    for detail in instruction.details:
        if is_person(detail.payee, registers, personal):
            yield detail.payee, detail.amount_fen


def _row(payee: Payee, registers: Registers) -> FiledPerson | None:
    """The filed person of this identity and name (Art. 16), whatever the account."""
    number = payee.person.id_number if payee.person else ""
    row = registers.persons.get(number)
    if row is None and number[-1:] in _CHECK_X:  # either letter is written, and both are the ten
        row = registers.persons.get(number.swapcase())
    return row if row and bare(row.name) == bare(payee.name) else None


def _identify(found: People, payee: Payee, filed: FiledPerson | None, on: dt.date) -> None:
    """What the bureau has confirmed by filing is not doubted again by a check digit."""
    found.count += 1
    number = payee.person.id_number if payee.person else ""
    found.unidentified += not number
    known = filed and plain_account(payee.account) in accounts_of(filed)
    found.unfiled += not known
    if number and not known:
        shown = identity(number, on)
        found.ids_malformed += shown is Identity.MALFORMED
        found.ids_mischecked += shown is Identity.MISCHECKED
    if not known and not card_sound(plain_account(payee.account)):
        found.cards_unsound += 1


def _is_on_card(payee: Payee, filed: FiledPerson | None) -> bool:
    """Whether the account is the person's official card."""
    cards = map(plain_account, filed.official_cards if filed else ())
    return plain_account(payee.account) in cards


def _employs(instruction: Instruction, filed: FiledPerson, registers: Registers) -> bool:
    """Whether the person is filed with the paying agency. What the sender calls itself helps no
    one who is filed with another agency; it may be written otherwise than the agency is filed."""
    employer, agency = bare(filed.employer), instruction.agency_code
    named = registers.index.agencies_named.get(employer)
    if named is not None:
        return agency in named
    payer = registers.account_of(instruction.payer.account)
    own = payer.name if payer and payer.agency == agency else ""
    return employer in {bare(instruction.agency_name), bare(instruction.payer.name), bare(own)}


def _is_card_account(instruction: Instruction, registers: Registers) -> bool:
    """A card account in the agency's own name, filed as such."""
    row = registers.account_of(instruction.payee.account)
    return (
        row is not None
        and row.class_ is AccountClass.OFFICIAL_CARD
        and row.agency == instruction.agency_code
    )


def _who(payee: Payee) -> str:
    """One person under one word: `x` and `X` are one check digit, spaces in a name are none."""
    number = payee.person.id_number.upper() if payee.person else ""
    return number or payee.account or bare(payee.name)
