"""What becomes of equilibria and cycles as the numbers of a family vary."""
