"""The claims, each with its test and verdict."""
