//! The log file: stdout belongs to the port, stderr may be closed.
