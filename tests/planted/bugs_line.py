"""Bugs of the line, the ledger, policies, signatures and the log."""

from tests.planted.bug import Bug, Change

LINE = "gateway/pipeline/line.py"
GROUP = "adapters/postgres/ledger/groupcommit.py"
BATCH_SQL = "adapters/postgres/migrations/0047_lines_weighed_as_locked.sql"
TOLD_SQL = "adapters/postgres/migrations/0068_bodies_once.sql"
T_LINE = "tests/pipeline/test_line.py"
T_UNWRITTEN = "tests/workers/test_unwritten.py"
T_LEDGER = "tests/adapters/postgres/test_ledger_contract.py"
T_POSTGRES = "tests/adapters/postgres/test_postgres_ledger.py"
T_BODIES = "tests/adapters/postgres/test_bodies_once.py"
T_SEQUENCER = "tests/adapters/postgres/test_postgres_recordlog.py"
T_WITNESS = "tests/certs/test_witness.py"
T_SM2 = "tests/certs/test_sm2.py"
T_TRAPS = "tests/certs/test_traps.py"
T_RECOVERY = "tests/workers/test_recovery.py"
T_SIMULATION = "tests/simulation/test_simulation.py"

LINE_BUGS = (
    Bug(
        "forwarded before commit 1",
        (
            Change(
                LINE,
                "            admission = await self._admit(judged, demands, received)\n",
                "            if passes:\n"
                "                settled = await self.forward_once(judged, received, began)\n"
                "            admission = await self._admit(judged, demands, received)\n",
            ),
            Change(
                LINE,
                "        settled = await self.forward_once(judged, received, began)\n"
                "        return answer_now(judged, settled",
                "        return answer_now(judged, settled",
            ),
        ),
        (
            f"{T_LINE}::test_a_pass_is_admitted_then_forwarded_then_settled_and_answered",
            f"{T_LINE}::test_nothing_is_forwarded_when_the_ledger_does_not_answer",
            f"{T_SIMULATION}::test_after_a_storm_every_account_closes",
        ),
    ),
    Bug(
        "the bank's word is dropped where the database does not take it",
        (Change(LINE, "if len(self.unwritten) < UNWRITTEN_MAX:", "if False:"),),
        (f"{T_UNWRITTEN}::test_what_the_bank_said_is_written_once_the_database_is_back",),
    ),
    Bug(
        "forwarded although the process slept in commit 1",
        (Change(LINE, "self._too_late(judged.at, began)", "False"),),
        (f"{T_LINE}::test_what_is_admitted_too_late_is_never_forwarded_and_settled_as_not_taken",),
    ),
    Bug(
        "balance read without a lock and then written",
        (
            Change(
                BATCH_SQL,
                "                 FOR UPDATE\n"
                "             ) AS held ON true;\n    END IF;\n\n    -- 6. Unless",
                "             ) AS held ON true;\n    END IF;\n\n    -- 6. Unless",
            ),
            Change(
                BATCH_SQL,
                "        WHERE line.ctid = w.tid AND w.fen > 0\n"
                "              AND line.granted_fen - line.frozen_fen - line.opening_fen\n"
                "                  - line.reserved_fen - line.posted_fen >= w.fen;",
                "        WHERE line.ctid = w.tid AND w.fen > 0;",
            ),
            Change(
                BATCH_SQL,
                "                 FOR UPDATE\n             ) AS held ON true;\n    ELSIF",
                "             ) AS held ON true;\n    ELSIF",
            ),
            Change(
                BATCH_SQL,
                "              AND line.reserved_fen >= w.total\n"
                "              AND (w.fen = 0 OR line.granted_fen - line.frozen_fen"
                " - line.opening_fen\n"
                "                  - line.reserved_fen - line.posted_fen"
                " >= w.fen - w.total + w.post);",
                "              ;",
            ),
        ),
        tuple(
            f"{T_POSTGRES}::test_a_balance_that_another_is_just_spending_is_waited_for[{beside}]"
            for beside in ("nothing", "a settlement")
        ),
    ),
    Bug(
        "record numbers from a database sequence",
        (
            Change(
                "adapters/postgres/migrations/0002_log.sql",
                "CREATE TABLE log_subtree (",
                "CREATE SEQUENCE log_number MINVALUE 0 START 0;\n"
                "GRANT USAGE ON SEQUENCE log_number TO PUBLIC;\n"
                "CREATE TABLE log_subtree (",
            ),
            Change(
                TOLD_SQL,
                "SELECT p_division, r.seq, r.kind, r.subject, r.leaf_hash, r.body, r.disclosures",
                "SELECT p_division, nextval('log_number'), r.kind, r.subject, r.leaf_hash,"
                " r.body, r.disclosures",
            ),
        ),
        (f"{T_SEQUENCER}::test_a_seal_that_is_rolled_back_leaves_no_gap",),
    ),
    Bug(
        "agencies' numbers remembered although another sequencer has sealed",
        (
            Change(
                "adapters/postgres/log/agency_counts.py",
                "if head is None or head != self._head:",
                "if head is None:",
            ),
        ),
        (f"{T_BODIES}::test_agencies_are_counted_through_whoever_seals",),
    ),
    Bug(
        "a batch sealed without the record that is gone",
        (Change("adapters/postgres/log/recordlog.py", "if not complete(rows):", "if False:"),),
        (
            f"{T_BODIES}"
            "::test_a_batch_of_which_a_record_is_gone_is_not_sealed_without_it[place = n.records]",
        ),
    ),
    Bug(
        "synchronous_commit off accepted",
        (
            Change(
                "adapters/postgres/session.py",
                'SAFE_COMMITS = frozenset({"on", "remote_apply"})',
                'SAFE_COMMITS = frozenset({"on", "remote_apply", "off"})',
            ),
        ),
        (f"{T_POSTGRES}::test_synchronous_commit_off_is_refused",),
    ),
    Bug(
        "a policy that raises passes",
        (
            Change(
                "policies/book/book.py",
                "a policy that raises holds, it never passes\n            return (failure(unit),)",
                "a policy that raises holds, it never passes\n            return ()",
            ),
        ),
        ("tests/policies/test_policy_book.py::test_a_policy_that_raises_holds_and_is_named",),
    ),
    Bug(
        "signature check skipped for a known header",
        (
            Change(
                "certs/trust.py",
                "            _check_signature(signer, protected, raw, signature)\n"
                "            return signer",
                "            return signer",
            ),
        ),
        ("tests/certs/test_trust.py::test_a_missing_broken_or_borrowed_signature_is_refused",),
    ),
    Bug(
        "signature check skipped altogether",
        (
            Change(
                "certs/trust.py",
                "    if not suite.verify_raw(signer.public, signature,"
                " signing_input(protected, raw)):",
                "    if False:",
            ),
        ),
        ("tests/certs/test_trust.py::test_a_missing_broken_or_borrowed_signature_is_refused",),
    ),
    Bug(
        "settled twice, the second word overwriting the first",
        (
            Change(
                BATCH_SQL,
                "            FROM told AS t\n        ), line",
                "            FROM unnest(p_settlements) AS t\n"
                "            ON CONFLICT (division, fiscal_year, voucher_type, voucher_no)\n"
                "            DO UPDATE SET bank = EXCLUDED.bank\n        ), line",
            ),
            Change(BATCH_SQL, "    IF open_slots IS NOT NULL THEN\n", "    IF settles THEN\n"),
            Change(TOLD_SQL, "            WHERE already IS NULL OR s.slot <> ALL (already)\n", ""),
        ),
        (f"{T_LEDGER}::test_settling_twice_writes_nothing_the_second_time",),
    ),
    Bug(
        "a conflict answered with the stored answer",
        (Change(LINE, "if standing.digest == judged.digest:", "if standing.digest:"),),
        (f"{T_LINE}::test_the_same_identity_with_other_bytes_is_refused_and_recorded",),
    ),
    Bug(
        "the reservation not given back when the bank rejects",
        (
            Change(
                BATCH_SQL,
                "        SET reserved_fen = line.reserved_fen - w.total + w.fen,",
                "        SET reserved_fen = line.reserved_fen - w.post + w.fen,",
            ),
        ),
        (f"{T_LEDGER}::test_what_the_bank_did_not_take_is_given_back",),
    ),
    Bug(
        "the bureau cosigns without checking that the log continues",
        (
            Change(
                "certs/log/witness.py",
                "        if root_of(grown.frontier, digest) != checkpoint.root:",
                "        if False:",
            ),
        ),
        (
            f"{T_WITNESS}::test_an_altered_record_is_refused_however_it_is_dressed",
            f"{T_WITNESS}::"
            "test_a_rewritten_past_is_told_from_an_altered_record_by_the_consistency_proof",
        ),
    ),
    Bug(
        "SM2 signs with OpenSSL's own, empty identifier",
        (
            Change(
                "certs/signing/libcrypto.py",
                "            self._sure(self._c.EVP_PKEY_CTX_set1_id"
                "(signing, identifier, len(identifier)))\n",
                "",
            ),
        ),
        (f"{T_SM2}::test_the_sm2_identifier_is_never_empty",),
    ),
    Bug(
        "one suite's cosignature is enough",
        (
            Change(
                "certs/log/note.py",
                "        if wanted <= {key.suite for key in keys}",
                "        if wanted & {key.suite for key in keys}",
            ),
        ),
        (f"{T_SM2}::test_one_checkpoint_carries_both_lines_and_wants_both",),
    ),
    Bug(
        "pad bits make a second spelling",
        (Change("certs/signing/encoding.py", "    if b64(data) != text:", "    if False:"),),
        (f"{T_TRAPS}::test_t6_pad_bits_make_no_second_spelling_of_anything_that_is_evidence",),
    ),
    Bug(
        "a bureau that says it holds less is followed without a proof",
        (Change("gateway/workers/deliver.py", "        if size:\n", "        if False:\n"),),
        (f"{T_RECOVERY}::test_an_older_state_that_the_bureau_never_signed_is_not_followed",),
    ),
    Bug(
        "sealing goes on where the bureau holds more",
        (
            Change(
                "gateway/workers/seal.py",
                "            if division in self.halted:",
                "            if False:",
            ),
        ),
        (
            f"{T_RECOVERY}::"
            "test_a_bureau_that_holds_more_than_we_do_stops_our_sealing_and_nothing_else",
        ),
    ),
    Bug(
        "an unknown commit believed",
        (
            Change(
                "adapters/postgres/ledger/admission.py",
                "return [_ADMITTED if item.key in ours else None for item in items]",
                "return [_ADMITTED for item in items]",
            ),
        ),
        (f"{T_POSTGRES}::test_after_an_unknown_commit_only_our_own_attempt_counts",),
    ),
    Bug(
        "those on the way wait for a hung database",
        (Change(GROUP, "        leave_unknown(batch)\n", ""),),
        (f"{T_POSTGRES}::test_a_database_that_hangs_refuses_everybody_in_two_seconds",),
    ),
)
