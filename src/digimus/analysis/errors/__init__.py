"""Whether activity before the response foretells the error."""
