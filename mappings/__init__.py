"""Pure translation of Chat Service settings into Conversations settings."""
