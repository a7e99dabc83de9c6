"""States of networks and of recordings: dimension, geometry, similarity, fixed points and hidden states."""
