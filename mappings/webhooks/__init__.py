"""The service's webhooks: which events call which URL, and what their receivers will see."""
