//! Pages: server-rendered HTML.
