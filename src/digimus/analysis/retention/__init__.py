"""Whether trained weights keep the motifs of the prior."""
