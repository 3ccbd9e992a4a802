//! Files: CSV and TSV from a folder or by upload.
