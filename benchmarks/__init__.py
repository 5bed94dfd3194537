"""What tocsin costs and what it withstands, measured; run as modules from the root of the repository."""
