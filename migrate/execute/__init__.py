"""Plan → Twilio, journaled; guards, rollback, verify."""
