"""The way to Twilio: gateway, pace, retry, pages."""
