"""Havok: an application platform on Kubernetes for companies that run hundreds of microservices."""

__version__ = "0.1.0"
