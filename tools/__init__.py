"""Set-up and servers for working on schema_monitor: `python3 -m tools.dev --help`."""
