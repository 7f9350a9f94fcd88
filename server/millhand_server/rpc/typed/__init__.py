"""Handlers' annotations: what they ask of a payload, the check, the conversion, the schema, an example."""
