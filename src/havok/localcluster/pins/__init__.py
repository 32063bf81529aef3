"""The exact sources of every binary: one Go module for each group, and the toolchain where Go is missing.

Each folder has the `go.mod` and `go.sum` that fix a group to the byte; raising a version is an edit there,
`go mod tidy`, and the version constant in `havok.localcluster.binaries.table`.
"""
