"""The bank's side: checks every fiscal payment instruction before it may reach the bank core."""
