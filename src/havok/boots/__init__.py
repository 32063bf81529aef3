"""The operator: what turns a Boot into what runs.

The story of the data: central config text → `config.parse` → `Platform`; a Boot's spec and its block of the
platform → `defaults.fill` → a spec with nothing open; that spec → `render.render` → objects; the objects
and what lives → `drift` → the least change; what lives → `status.observe` → what people read. All of these
are pure functions over frozen structs. `reconcile`, `admission` and `operator` are the thin shells that
read, write and wait.
"""
