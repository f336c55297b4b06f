"""What a person can do about a step that failed: a table by Twilio's error code, then by HTTP status.

Meanings are Twilio's (twilio.com/docs/api/errors/NNNNN); the advice is ours.
"""

from __future__ import annotations

RESUME = "Run `chat-migrate resume`."

BY_CODE: dict[int, str] = {
    20001: "Look at the parameters of the step: Twilio finds one of them invalid.",
    20003: "Check the credentials and, for a restricted API key, its Conversations permissions.",
    20404: "The resource is gone; look it up in the Console, then run `chat-migrate diff` again.",
    20429: f"Twilio was too busy for long; lower --concurrency. {RESUME}",
    50050: "The Conversation Service is gone; look it up in the Console, then run `chat-migrate diff` again.",
    50054: "Twilio refuses a webhook parameter; compare the filters with its list of Conversations events.",
    50055: "Set the webhook method to GET or POST in Chat's settings, export again, and diff.",
    50058: "Shorten the notification template in Chat's settings (the new variable names are longer), export, diff.",
    50059: "Shorten the notification sound in Chat's settings, export again, and diff.",
    50063: f"The service's limit of actions per second was reached; lower --concurrency. {RESUME}",
    50074: f"The limit of actions per second was reached; lower --concurrency. {RESUME}",
    50077: "Correct the pre-event webhook URL (format, encoding, protocol, host) in Chat's settings, export, diff.",
    50078: "Correct the post-event webhook URL (format, encoding, protocol, host) in Chat's settings, export, diff.",
    50100: "The role is gone; look it up in the Console, then run `chat-migrate export` and `diff` again.",
    50104: "Twilio does not know one of the permissions; remove it from the Chat role, export again, and diff.",
    50385: "Conversations is not enabled in this region; check TWILIO_REGION.",
}

BY_STATUS: dict[int, str] = {
    400: "Twilio refuses the values; see its message, correct the Chat setting, export again, and diff.",
    401: "Check TWILIO_ACCOUNT_SID and the auth token or API key.",
    403: "The credentials may not do this; check the API key's Conversations permissions.",
    404: "The resource is gone; look it up in the Console, then run `chat-migrate diff` again.",
}

BY_STATE: dict[str, str] = {
    "drifted": "Someone changed the target. Run `chat-migrate diff` to see both values, or use --allow-drift.",
    "unknown": f"Nobody knows whether Twilio did it. {RESUME} It reads the target before it writes.",
    "intent": f"The run ended before the answer came. {RESUME} It reads the target before it writes.",
}

BY_STATE_UNDOING = {
    **BY_STATE,
    "drifted": "A rollback never overwrites somebody's change: where the earlier value is wanted, set it by hand.",
}
"""The same for the steps of a rollback."""


def advice_for(state: str, status: int | None, code: int | None, *, undoing: bool = False) -> str:
    """Return one or two sentences on what to do about a step in this state, of a run or of a rollback."""
    by_state = BY_STATE_UNDOING if undoing else BY_STATE
    return by_state.get(state) or BY_CODE.get(code or 0) or BY_STATUS.get(status or 0) or RESUME
