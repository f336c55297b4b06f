"""Where a snapshot comes from: the live Chat API, or what people have saved of it."""
