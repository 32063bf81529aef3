"""The command line: `havok`.

`main.run` is the entry. `commands` is the table of names; a command's module is imported when it is used, so
that `havok --help` costs no import of aiohttp, rich or structlog. Rules of what a person reads are pure
(`rollout`, `manifest`, `detect`, `output`); modules named as a command are the thin shells around them.
Standard output carries data and nothing else.
"""
