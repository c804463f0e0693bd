"""One module a library, run in a process of its own: `prepare(case, mode)`."""
