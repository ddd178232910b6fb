"""Cases (案件), Art. 11 and 21 to 24: from a suspicion to its archive, pure and without a clock."""
