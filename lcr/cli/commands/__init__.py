"""The subcommands of `lcr`, a module each: its docstring is the help, EXTRA names the extra that it
needs, `add_arguments` fills its parser, and `run` does it and returns the exit status.

Heavy libraries are imported by `run`, never by the module: help needs none of them.
"""
