"""Official documents (公文) of a case: what each says; how it is set is `adapters/papers`."""
