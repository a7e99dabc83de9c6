"""Figures, drawn from tables alone, and the report that shows them."""
