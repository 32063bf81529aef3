"""The real local Kubernetes behind `havok up`: its binaries, its node, its life."""
