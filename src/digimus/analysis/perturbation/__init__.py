"""The causal test: what silencing, driving and pushing do to behaviour."""
