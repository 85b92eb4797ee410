"""Datasets and the hub: the card of a version, its Croissant metadata, pushes."""
