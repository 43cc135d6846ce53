"""What hybrid pre-training is worth: short trainings and their tables."""
