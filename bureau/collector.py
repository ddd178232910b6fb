"""The garbage collector of a program that stays up: told what it need not look through."""

import gc

GC_THRESHOLD = 20_000


def spare_the_collector() -> None:
    """What stays for ever is not looked through again, and a workbook or a long list is no reason
    to look through everything: that stops every page, 180 ms with a province's registers."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
