"""What players could gain, answer and commit to: questions to a game, before any dynamics."""
