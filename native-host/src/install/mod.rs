//! Registers the native host with browsers, and checks the registration.
