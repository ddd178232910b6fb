"""The docket (案卷): makes the moves of cases, issues their documents, chases what is overdue."""
