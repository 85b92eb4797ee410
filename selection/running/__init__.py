"""How a run is carried out: what its steps load, what they hand on, and what the last ones gather."""
