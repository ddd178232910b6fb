"""Bugs of releases, refunds, certificates and delivery: what comes in beside instructions."""

from tests.planted.bug import Bug, Change

RELEASE = "gateway/pipeline/release.py"
HOLDS_SQL = "adapters/postgres/migrations/0015_holds.sql"
REFUNDS_SQL = "adapters/postgres/migrations/0071_refunds_after_an_end.sql"
RETURNS_SQL = "adapters/postgres/migrations/0066_one_return_one_count.sql"
ASIDE_SQL = "adapters/postgres/migrations/0070_set_aside.sql"
ENDS_SQL = "adapters/postgres/migrations/0073_words_end.sql"
RELEASES = "gateway/domain/releases.py"
DELIVER = "gateway/workers/deliver.py"
SETTLE = "gateway/pipeline/settle.py"
T_RELEASE = "tests/pipeline/test_release.py"
T_CUTS = "tests/adapters/postgres/test_release_cuts.py"
T_HOLDS = "tests/adapters/postgres/test_holds_contract.py"
T_ORDERS = "tests/web/test_release_counter.py"
T_RETURNS = "tests/adapters/postgres/test_returns_contract.py"
T_ASIDE = "tests/adapters/postgres/test_set_aside_contract.py"
T_WORDS = "tests/adapters/postgres/test_words_end_contract.py"
T_LATE = "tests/adapters/postgres/test_late_words_contract.py"
OVERRULED = "test_what_officers_overruled_says_nothing_new_to_whoever_slept_with_it"
T_END = "tests/workers/test_holds_end.py"
T_TRUST = "tests/certs/test_trust.py"
T_LIVE = "tests/certs/test_live.py"
T_SHARES = "tests/web/test_shares.py"
T_DELIVER = "tests/workers/test_deliver.py"
MARK = "gateway/workers/mark.py"
SHELF = "adapters/folder/mark.py"
T_MARK = "tests/workers/test_mark.py"
T_CLOCKS = "tests/workers/test_clocks.py"
T_KEPT = "tests/adapters/postgres/test_kept.py"

EDGE_BUGS = (
    Bug(
        "a division opened though neither bureau nor mark said anything",
        (Change(MARK, '("" if known.opened else UNHEARD)', '""'),),
        (
            f"{T_MARK}::test_without_a_mark_the_bureau_must_be_heard_and_then_it_opens_and_marks",
            f"{T_MARK}::test_a_mark_that_does_not_prove_itself_is_none[forged]",
        ),
    ),
    Bug(
        "a division that is shut is marked as the newest",
        (Change(MARK, "if division not in shut and known.checkpoint", "if known.checkpoint"),),
        (f"{T_MARK}::test_without_a_mark_the_bureau_must_be_heard_and_then_it_opens_and_marks",),
    ),
    Bug(
        "a mark compared by its size alone",
        (Change(MARK, "        if ours != root:", "        if ours is None:"),),
        (f"{T_MARK}::test_a_database_of_another_history_at_that_size_stays_shut",),
    ),
    Bug(
        "a database that holds less than its mark opens",
        (Change(MARK, "        if ours != root:", "        if ours not in (root, None):"),),
        (
            f"{T_MARK}::test_with_the_bureau_silent_a_database_behind_the_mark_stays_shut",
            f"{T_MARK}::test_a_log_that_becomes_shorter_under_a_running_gateway_is_seen",
        ),
    ),
    Bug(
        "a mark whose signature nobody checks",
        (
            Change(
                "certs/own_log.py",
                "        opened, _ = open_checkpoint(checkpoint, self.keys())",
                "        opened = parse_checkpoint(parse_note(checkpoint).text)",
            ),
            Change(
                "certs/own_log.py",
                "    open_checkpoint,\n",
                "    open_checkpoint,\n    parse_checkpoint,\n    parse_note,\n",
            ),
        ),
        (
            f"{T_MARK}::test_a_mark_that_does_not_prove_itself_is_none[forged]",
            f"{T_MARK}::test_a_mark_that_does_not_prove_itself_is_none[of another key]",
        ),
    ),
    Bug(
        "an operator's word written over by a gateway that runs",
        (
            Change(
                SHELF,
                'hold(self._beside("held"), fcntl.LOCK_SH)',
                'os.open(self._beside("held"), os.O_RDWR | os.O_CREAT)',
            ),
        ),
        (
            "tests/workers/test_mark_shared.py"
            "::test_an_operators_word_waits_until_no_gateway_would_write_over_it",
        ),
    ),
    Bug(
        "a standby that lost payments is believed",
        (
            Change(
                "adapters/postgres/ledger/kept.py",
                "        if not shorter and not lost:\n            self._proven",
                "        if not shorter:\n            self._proven",
            ),
        ),
        (
            f"{T_KEPT}::test_a_payment_that_is_gone_shuts_the_ledger_and_is_named",
            f"{T_KEPT}::test_a_released_hold_that_is_held_again_shuts_it_too",
        ),
    ),
    Bug(
        "another run of the server is not asked for what the host has seen",
        (Change("adapters/postgres/ledger/kept.py", "        return sizes", "        return {}"),),
        (f"{T_KEPT}::test_what_the_host_has_seen_is_asked_of_each_further_run",),
    ),
    Bug(
        "a clock that was set is believed until somebody was asked",
        (Change("gateway/workers/clocks.py", "if abs(set_by) <= APART:", "if True:"),),
        (
            f"{T_CLOCKS}::test_a_clock_that_is_set_is_believed_no_more_at_once_and_until_it_is_right",
            f"{T_CLOCKS}::test_whose_clock_is_wrong_holds_no_office_and_another_takes_it",
        ),
    ),
    Bug(
        "an older copy is opened because the bureau forgot, too",
        (
            Change(
                DELIVER,
                "        await self._look_again(division)",
                "        self.ahead.pop(division, None)",
            ),
        ),
        (
            f"{T_MARK}::test_what_the_bureau_shut_opens_once_the_newest_copy_is_back_and_not_before"
            "[True]",
        ),
    ),
    Bug(
        "a release that skips the checks of this moment",
        (
            Change(
                RELEASE,
                "            if ruling.decision.outcome is not Outcome.PASS:",
                "            if False:",
            ),
        ),
        (
            f"{T_RELEASE}::test_what_was_not_overridden_stops_a_release_and_the_hold_stays",
            f"{T_RELEASE}::test_a_window_that_has_filled_up_since_stops_a_release",
        ),
    ),
    Bug(
        "a release forwarded by whoever did not claim it",
        (
            Change(
                RELEASE,
                "    if not standing.held:",
                "    if standing.outcome is not Outcome.HOLD:",
            ),
            Change(RELEASE, "        if isinstance(answer, Gone):", "        if False:"),
            Change(RELEASE, "        assert isinstance(answer, Claimed)\n", ""),
        ),
        (
            f"{T_CUTS}::test_whoever_carries_on_after_a_kill_never_sends_a_second_time",
            f"{T_RELEASE}::test_a_release_makes_every_check_again_and_forwards_once",
        ),
    ),
    Bug(
        "a hold claimed twice",
        (
            Change(
                HOLDS_SQL,
                "        IF NOT FOUND OR held IS NULL THEN\n            result := 'gone';",
                "        IF held IS NULL THEN\n            result := 'gone';",
            ),
            Change(
                HOLDS_SQL,
                "            d_fen)\n        ON CONFLICT DO NOTHING;\n        IF NOT FOUND THEN",
                "            d_fen)\n        ON CONFLICT DO NOTHING;\n        IF false THEN",
            ),
        ),
        (f"{T_HOLDS}::test_of_many_who_claim_one_hold_exactly_one_may_forward",),
    ),
    Bug(
        "a release on money that is not there",
        (
            Change(
                HOLDS_SQL,
                "            IF d_fen[d] > left_fen THEN",
                "            IF d_fen[d] > left_fen + 1000 THEN",
            ),
        ),
        (f"{T_HOLDS}::test_six_parallel_releases_of_a_thousand_on_five_never_all_succeed",),
    ),
    Bug(
        "a refund above what was posted",
        (Change(REFUNDS_SQL, "    IF p_amount > refundable THEN", "    IF false THEN"),),
        (f"{T_HOLDS}::test_refunds_at_once_never_come_to_more_than_was_paid",),
    ),
    Bug(
        "one return counted for each door that tells of it",
        (
            Change(
                REFUNDS_SQL,
                "p_of_no AND r.serial = own;\n    IF FOUND THEN",
                "p_of_no AND r.serial = own;\n    IF false THEN",
            ),
            Change(
                RETURNS_SQL,
                "CREATE UNIQUE INDEX refund_serial ON refund",
                "CREATE INDEX refund_serial ON refund",
            ),
        ),
        (f"{T_RETURNS}::test_the_same_money_told_through_many_doors_at_once_is_counted_once",),
    ),
    Bug(
        "what the books show paid is told and stays free to be spent again",
        (Change(ASIDE_SQL, "    IF found_now > 0 THEN", "    IF false THEN"),),
        (f"{T_ASIDE}::test_what_the_books_show_paid_cannot_be_spent_again[postgres]",),
    ),
    Bug(
        "a contradiction ended against the bank's books",
        (
            Change(
                ENDS_SQL,
                "IF p_paid <> (booked_net(p_division, p_year, p_type, p_no) > 0) THEN",
                "IF false THEN",
            ),
        ),
        (
            f"{T_ASIDE}::test_what_the_bank_takes_back_is_given_back_and_told_as_not_paid_again"
            "[postgres]",
        ),
    ),
    Bug(
        "words ended as paid of which the bank's books show nothing",
        (Change(ENDS_SQL, "        IF p_paid <> EXISTS (", "        IF NOT p_paid AND EXISTS ("),),
        (
            f"{T_WORDS}::"
            "test_a_word_against_paid_ends_as_paid_once_the_books_show_it_and_is_refunded_since"
            "[postgres]",
        ),
    ),
    Bug(
        "words ended as not paid against a debit that nobody has looked at",
        (Change(ENDS_SQL, "        IF p_paid <> EXISTS (", "        IF p_paid AND NOT EXISTS ("),),
        (f"{T_WORDS}::test_no_word_ends_against_a_debit_that_nobody_has_looked_at_yet[postgres]",),
    ),
    Bug(
        "a word whose commit nobody heard is recorded twice",
        (Change(ENDS_SQL, "WHERE w.stands AND but_for_time", "WHERE false AND but_for_time"),),
        (f"{T_WORDS}::test_a_word_whose_commit_nobody_heard_is_on_record_once[postgres-answer]",),
    ),
    Bug(
        "what a sleeper had in hand contradicts the officers who overruled it",
        (Change(SETTLE, "in (standing.bank, overruled)", "is standing.bank"),),
        (
            f"{T_LATE}::{OVERRULED}[memory-False-answer]",
            f"{T_LATE}::{OVERRULED}[postgres-False-answer]",
        ),
    ),
    Bug(
        "a hold expires on a database that forgot",
        (Change("gateway/workers/expire.py", "if division in self._behind:", "if False:"),),
        (f"{T_END}::test_what_a_database_that_forgot_holds_does_not_expire_until_it_is_whole",),
    ),
    Bug(
        "one person proposes and approves",
        (Change(RELEASES, "    if same_person(first, second):", "    if False:"),),
        (f"{T_ORDERS}::test_one_bad_order_of_a_feed_is_named_and_nothing_is_taken",),
    ),
    Bug(
        "an officer's signature under another's name",
        (
            Change(
                RELEASES,
                "        if signer != person.uri or signer not in officers:",
                "        if signer not in officers:",
            ),
        ),
        (f"{T_ORDERS}::test_where_officers_are_named_both_must_have_signed_themselves",),
    ),
    Bug(
        "a revoked certificate still signs",
        (Change("certs/trust.py", "    if table.is_revoked(signer):", "    if False:"),),
        (f"{T_TRUST}::test_a_revoked_signer_is_refused_from_the_next_request_on",),
    ),
    Bug(
        "a revoked certificate still connects",
        (
            Change(
                "certs/live.py",
                "        return (peer.issuer, peer.serial) in self.revoked.serials",
                "        return False",
            ),
        ),
        (f"{T_LIVE}::test_t2_a_revoked_client_is_refused_anew_and_may_not_stay",),
    ),
    Bug(
        "records count as delivered before the cosignature is checked",
        (Change(DELIVER, "            await self._prove(delivery, cosigned)\n", ""),),
        (
            f"{T_DELIVER}::test_no_word_counts_that_the_bureau_did_not_sign",
            f"{T_DELIVER}::test_a_cosigned_history_that_is_not_ours_is_not_acknowledged",
        ),
    ),
    Bug(
        "one person under two spellings decides alone",
        (
            Change(
                RELEASES,
                "    return bare(one.name) == bare(other.name) or",
                "    return one.name == other.name or",
            ),
        ),
        (f"{T_ORDERS}::test_one_bad_order_of_a_feed_is_named_and_nothing_is_taken",),
    ),
    Bug(
        "one party may fill the line while others send",
        (
            Change(
                "gateway/web/shares.py",
                "        if self._company.keeps(party):",
                "        if False:",
            ),
        ),
        (
            f"{T_SHARES}::test_while_others_send_a_party_has_its_share_and_alone_again_all",
            "tests/web/test_listen.py"
            "::test_one_partys_flood_waits_for_itself_and_the_others_are_carried",
        ),
    ),
    Bug(
        "the last byte of one request is the first of the next",
        (
            Change(
                "gateway/web/visit.py",
                "            self._unread = data[request.end :]",
                "            self._unread = data[request.end - 1 :]",
            ),
        ),
        ("tests/fuzz/test_fuzz.py::test_every_document_of_the_corpus_is_read_or_refused",),
    ),
)
