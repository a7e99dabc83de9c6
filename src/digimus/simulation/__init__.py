"""Inputs with a known truth: made-up neurons and recordings that the rest of the library can be tried on."""
