"""Bugs of asking the bank what became of a payment."""

from tests.planted.bug import Bug, Change

ASK = "gateway/workers/ask.py"
ASK_AGAIN = "gateway/workers/ask_again.py"
MEMORY = "tests/memory/ledger.py"
T_ENQUIRE = "tests/workers/test_enquire.py"
T_AGAIN = "tests/workers/test_ask_again.py"
T_TASKS = "tests/adapters/postgres/test_tasks_contract.py"
T_SIMULATION = "tests/simulation/test_simulation.py"

ASKED_BUGS = (
    Bug(
        "sent again when the bank answers not found",
        (
            Change(
                ASK,
                "        booked = settled = False\n",
                "        if answer.outcome is EnquiryOutcome.NOT_FOUND:\n"
                '            await self.bank.submit(payment.key, b"", "json")\n'
                "        booked = settled = False\n",
            ),
        ),
        (
            f"{T_ENQUIRE}::"
            "test_not_found_proves_nothing_before_the_horizon_and_is_never_sent_again",
            f"{T_AGAIN}::test_without_a_horizon_nothing_but_a_clear_answer_ends_a_task",
        ),
    ),
    Bug(
        "an operator's task sent again when the bank knows nothing of it",
        (
            Change(
                ASK_AGAIN,
                "        asked = await self._asking.ask(payment)\n",
                "        asked = await self._asking.ask(payment)\n"
                "        if asked.said is EnquiryOutcome.NOT_FOUND:\n"
                '            await self._asking.bank.submit(payment.key, b"", "json")\n',
            ),
        ),
        (
            f"{T_AGAIN}::test_without_a_horizon_nothing_but_a_clear_answer_ends_a_task",
            f"{T_SIMULATION}::test_after_a_storm_every_account_closes",
        ),
    ),
    Bug(
        "not found without a horizon taken for never",
        (
            Change(
                ASK,
                "        if horizon is None:\n            return False\n",
                "        if horizon is None:\n            return True\n",
            ),
        ),
        (
            f"{T_AGAIN}::test_without_a_horizon_nothing_but_a_clear_answer_ends_a_task",
            f"{T_SIMULATION}::test_after_a_storm_every_account_closes",
        ),
    ),
    Bug(
        "an operator's task never asked about again",
        (
            Change(
                MEMORY,
                "if payment.operator_task and not _put_off(payment, now)",
                "if False and not _put_off(payment, now)",
            ),
        ),
        (
            f"{T_AGAIN}::test_a_core_that_can_tell_later_ends_the_task_as_an_earlier_answer_would",
            f"{T_SIMULATION}::test_after_a_storm_every_account_closes",
        ),
    ),
    Bug(
        "a core that is down asked about all tasks at once",
        (Change(ASK_AGAIN, "limit = TASKS_AT_ONCE_MAX if self._answers else 1", "limit = 1000"),),
        (f"{T_AGAIN}::test_a_core_that_is_down_is_asked_about_one_at_a_time_however_many_wait",),
    ),
    Bug(
        "the oldest tasks asked about for ever, and no other",
        (
            Change(
                "adapters/postgres/sql/ledger.sql",
                "        ORDER BY ask_after NULLS FIRST, opened_at, fiscal_year, voucher_type,"
                " voucher_no) AS turn",
                "        ORDER BY opened_at, fiscal_year, voucher_type, voucher_no) AS turn",
            ),
            Change(
                "adapters/postgres/sql/ledger.sql",
                "AND (ask_after IS NULL OR ask_after <= $1 OR ask_after > $1 + interval '2 hours')",
                "AND $1 IS NOT NULL",
            ),
        ),
        (f"{T_TASKS}::test_a_division_with_many_tasks_does_not_hide_another_ones[postgres]",),
    ),
    Bug(
        "a person and the enquiry both settle",
        (
            Change(
                MEMORY,
                "        if state.open_payments.pop(key, None) is None:\n"
                "            return False\n",
                "        state.open_payments.pop(key, None)\n",
            ),
        ),
        (
            f"{T_AGAIN}::test_a_person_and_the_enquiry_at_the_same_moment_do_not_both_settle",
            f"{T_TASKS}::test_a_person_and_the_enquiry_who_answer_at_once_do_not_both_settle",
        ),
    ),
    Bug(
        "the horizon counted on the wall clock",
        (
            Change(
                ASK,
                "self._not_found_since.setdefault(key, self._clock.monotonic())",
                "self._not_found_since.setdefault(key, self._clock.now().timestamp())",
            ),
            Change(
                ASK,
                "        asked = self._clock.monotonic()\n",
                "        asked = self._clock.now().timestamp()\n",
            ),
        ),
        (f"{T_ENQUIRE}::test_a_jump_of_the_wall_clock_does_not_shorten_the_horizon",),
    ),
    Bug(
        "not paid concluded against the bank's own books",
        (
            Change(
                ASK,
                "return outcome is not BankOutcome.ACCEPTED and",
                "return False and outcome is not BankOutcome.ACCEPTED and",
            ),
        ),
        (f"{T_ENQUIRE}::test_nobody_concludes_not_paid_against_the_banks_own_books",),
    ),
    Bug(
        "the horizon ignored",
        (Change(ASK, "if self._beyond_horizon(key, asked):", "if True:"),),
        (
            f"{T_ENQUIRE}::"
            "test_not_found_proves_nothing_before_the_horizon_and_is_never_sent_again",
            f"{T_ENQUIRE}::test_without_a_horizon_a_person_must_decide",
        ),
    ),
    Bug(
        "the horizon counted until the answer is looked at",
        (Change(ASK, "return asked - since >", "return self._clock.monotonic() - since >"),),
        (f"{T_ENQUIRE}::test_what_was_slept_through_after_the_answer_counts_for_nothing",),
    ),
)
