//! Connector and settings documents: TOML to model and back, checked, with line and column.
