"""Many accounts at once: which, with whose credentials, on what, and what became of each.

accounts     which accounts: a CSV file, or the parent's list
credentials  an account's own environment, made where the work is done
task         what goes to a worker and what comes back: plain data without secrets
engines      threads, processes or Dask behind one `concurrent.futures.Executor`; a bounded number under way
record       what a fleet was asked for and how each account ended: a file in the workspace
summary      totals, and what needs a person, grouped by cause
report       the fleet's report: text, Markdown, JSON, HTML
"""
