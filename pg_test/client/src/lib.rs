//! Proofs by a real driver live in `tests/`; this crate has no code of its own.
