"""Rehearsals: a copy of the database, a simulator that stands for both accounts, and the real program between them."""
