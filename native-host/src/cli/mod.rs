//! The command line: arguments as typed, resolved once, then one module a command.
