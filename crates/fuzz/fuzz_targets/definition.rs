//! Stored definitions, as they are read back from the history.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::{Continuity, Definition, Fingerprints, diff};

fuzz_target!(|data: &[u8]| {
    let Ok(definition) = serde_json::from_slice::<Definition>(data) else {
        return;
    };
    let text = serde_json::to_string(&definition).expect("a definition can be written");
    let again: Definition = serde_json::from_str(&text).expect("what was written can be read");
    let (first, second) = (Fingerprints::of(&definition), Fingerprints::of(&again));
    assert_eq!(first.structure.as_bytes(), second.structure.as_bytes());
    assert_eq!(first.layout.as_bytes(), second.layout.as_bytes());
    assert_eq!(first.access.as_bytes(), second.access.as_bytes());
    // numbers that are not unique are no catalog's
    let mut numbers: Vec<_> = definition.parts.iter().map(|part| (part.kind, part.number)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() == definition.parts.len() {
        assert_eq!(diff(Some(&definition), Some(&again), Continuity::Same).len(), 0);
    }
    diff(None, Some(&definition), Continuity::Same);
    diff(Some(&definition), None, Continuity::Recreated);
});
