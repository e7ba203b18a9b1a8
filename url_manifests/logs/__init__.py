"""Access logs: bytes in, one `LogRecord`, `Aside` or `Rejection` out for every line, whatever the bytes.

A *format* (`LineFormat`) knows one layout of a line. A *reader* (`detect.LineReader`) holds the format that a file's
first lines chose, takes container and syslog prefixes off, and falls back to the other formats for single lines that
differ. Nothing in here raises for bad input, and nothing is dropped without a reason.
"""
