"""Pools and shared objects on several machines, which an engine has joined."""

from __future__ import annotations

from processing_pool.cluster import Cluster as Cluster
from processing_pool.cluster import ClusterLost as ClusterLost
from processing_pool.cluster import connect as connect

__all__ = ["connect", "Cluster", "ClusterLost"]
