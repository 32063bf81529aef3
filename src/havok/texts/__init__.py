"""Texts for people, one TOML file for each domain and language; read by `havok.text`."""
