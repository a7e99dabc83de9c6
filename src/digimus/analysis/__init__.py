"""What was learnt: scores, retention of motifs, states and errors, and the verdict on every claim."""
