"""What a rollback says before it asks fits on a screen, whatever it leaves."""

from __future__ import annotations

from migrate.report.question import Stays, Undoing, rollback_question


def undoing(*stays, **other):
    """A rollback of run 7 that restores 20 fields in 5 services."""
    given = {"run": 7, "account_sid": "AC1", "fields": 20, "services": 5, "removed": {}} | other
    return Undoing(**given, stays=stays)


def test_it_says_how_much_goes_back():
    """Fields and services, in one sentence, with the right plurals."""
    assert (
        rollback_question(undoing()) == "Rollback of run 7 in account AC1: 20 fields in 5 services go back.\n"
    )
    assert "1 field in 1 service goes back." in rollback_question(undoing(fields=1, services=1))


def test_what_stays_is_grouped_by_reason_the_most_first():
    """A reason stands once, with its steps and services."""
    text = rollback_question(
        undoing(Stays("Channels stay private.", 3, 1), Stays("Twilio takes no empty value.", 12, 6))
    )
    assert text.splitlines()[2:] == [
        "Left as it is: 15 steps",
        "  why                           steps  services",
        "  Twilio takes no empty value.  12     6",
        "  Channels stay private.        3      1",
    ]


def test_what_is_deleted_is_named_before_the_question():
    """Deleting is more than restoring."""
    text = rollback_question(undoing(removed={"service": 1, "role": 9}))
    assert text.splitlines()[1] == "Created by the run, and deleted now: 1 service, 9 roles."


def test_it_fits_on_a_screen_and_hides_secrets():
    """Thousands of steps with hundreds of reasons are cut to one screen, and a URL in one is masked."""
    reason = (
        "The webhook https://user:hunter2@example.com/hook has another value, which somebody has set since."
    )
    text = rollback_question(undoing(*[Stays(f"{reason} {number}", 1, 1) for number in range(300)]), width=80)
    assert len(text.splitlines()) <= 40
    assert "hunter2" not in text
    assert "… and 290 more reasons" in text
