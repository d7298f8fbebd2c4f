"""Training in the background: the thread, what it is asked for, and what it reports."""
