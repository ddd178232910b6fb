"""Books of policies at a gateway: kept, signed, put in force, and tried on what has happened."""
