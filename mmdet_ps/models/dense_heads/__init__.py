"""Dense heads."""
