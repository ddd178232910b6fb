"""Keys, certificates, signatures and the provable log; the only place that speaks cryptography."""
