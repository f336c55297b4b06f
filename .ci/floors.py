"""Prints the declared lower bounds of the installed chat-migrate as exact versions, for pip."""

from importlib.metadata import requires

for requirement in requires("chat-migrate") or ():
    if ";" not in requirement:
        print(requirement.replace(">=", "=="))
