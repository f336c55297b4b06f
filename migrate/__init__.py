"""Everything that touches Twilio, SQLite or a person."""
