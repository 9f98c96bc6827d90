"""Coverage-guided fuzzing of whatever reads what strangers wrote. See README.md."""
