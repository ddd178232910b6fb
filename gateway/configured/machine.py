"""What only the machine knows: its clocks, and the name of this process on it."""

import datetime as dt
import os
import socket
import time


class SystemClock:
    """The machine's clocks, behind the Clock port."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def instance_name() -> str:
    """Names this process among those that share the database."""
    return f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
