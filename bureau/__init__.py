"""The finance bureau's side: proves what the bank reports, and works on it."""
