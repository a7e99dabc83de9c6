"""What the configuration names and the network has: fetched, verified, and never half."""
