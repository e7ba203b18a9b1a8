"""How a run does its work: in this process, in one event loop, or in the workers of Django's tasks framework."""
