"""What people do by a command to a gateway's database: settle, close, export, load, certify."""
