"""What a network is made of: each operation forwards, and backwards by its own rule."""
