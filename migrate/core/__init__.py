"""What every room needs: errors, clock, configuration, progress."""
