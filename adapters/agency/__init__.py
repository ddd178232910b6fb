"""The agency's side of the wire: signs, sends, and reads what the gateway answers."""
