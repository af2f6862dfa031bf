"""GAN-based recommenders: a generator against a discriminator."""
