//! A browser on the port: handshake, requests, jobs and their events.
