"""Datasets as plain data: rows, recipes, mixing, splits, leakage, differences. Pure: no Django, no clock, no global chance."""
