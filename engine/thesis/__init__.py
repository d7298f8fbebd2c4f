"""The thesis's trainings as experiments that anyone can repeat, and what they say about its claims."""
