"""`python -m tests.simulation FIRST END STEP`: how each seed ended, a line of JSON each.

`python -m tests.simulation SEED` tells one of them aloud.
"""

import sys

import msgspec

from tests.simulation.seeds import lived

if len(sys.argv) == 2:
    ended = lived(int(sys.argv[1]), aloud=True)
    sys.stdout.write(f"{ended.weather}\n" + "".join(f"WRONG: {words}\n" for words in ended.wrong))
else:
    for seed in range(*map(int, sys.argv[1:])):
        sys.stdout.buffer.write(msgspec.json.encode(lived(seed)) + b"\n")
