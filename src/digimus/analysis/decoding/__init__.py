"""Decoders of recordings: their scores, nulls, comparisons and checks."""
