"""The signal through a network at initialization: forwards, backwards, and what mean-field theory predicts of it."""
