//! Wiring: configuration, database, workers, server.
