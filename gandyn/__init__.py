"""GAN training as a dynamical system."""
