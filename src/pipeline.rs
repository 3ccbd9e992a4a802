//! What a run does: export, prepare, synchronize.
