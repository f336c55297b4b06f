"""The embedded Twilio: Programmable Chat v1/v2/v3 and Conversations v1 over real HTTP."""
