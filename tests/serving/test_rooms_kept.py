"""Every room of a running gateway that can ask a server what it forgot is given what to ask for."""

import ast
import inspect
from pathlib import Path

from gateway.serving import house, keys


def test_no_room_is_opened_on_a_server_that_is_not_asked() -> None:
    """One that was forgotten read who is revoked from an older copy, and answered the bureau's
    questions from it."""
    asked, forgotten = set(), []
    for module in (house, keys):
        for call in ast.walk(ast.parse(Path(module.__file__).read_text("utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
                continue
            room = getattr(module, call.func.id, None)
            ours = inspect.isclass(room) and room.__module__.startswith("adapters.")
            if ours and "kept" in inspect.signature(room).parameters:  # a TypeVar has none (3.14)
                asked.add(room.__name__)
                if "kept" not in {each.arg for each in call.keywords}:
                    forgotten.append(room.__name__)
    assert {"PostgresPast", "PostgresCertificates", "PostgresWatchbook"} < asked
    assert forgotten == []
