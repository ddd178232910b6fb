"""Argon2id is derived by one thread at a time in a process: whoever derives holds `ALONE`.

OpenSSL works on the lanes in threads of one pool for the whole process. Two derivations at once
each took some of them and waited for the rest for ever, or were told that memory lacks.
"""

import threading

ALONE = threading.Lock()
