"""Data sets: sources, the store, batches and augmentation."""

from replication.data.augmentation import augment
from replication.data.batches import Batches
from replication.data.store import Meta, Split, Store, read_store, write_store

__all__ = ["Batches", "Meta", "Split", "Store", "augment", "read_store", "write_store"]
