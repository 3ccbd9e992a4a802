//! The integration tests: one binary, real PostgreSQL, a database per test.
