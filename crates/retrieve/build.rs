//! Packs `data/words.txt` into a transducer: it is searched where it lies, so no process has a copy of its own.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// What an abbreviation costs beside words, as `tools/words.py` counts.
const ABBREVIATION: u64 = 95;

/// Shortest abbreviation that is looked for among letters written together.
const SHORTEST: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut costs = BTreeMap::new();
    for line in fs::read_to_string("data/words.txt")?.lines() {
        let (word, cost) = line.split_once(' ').ok_or("words.txt: a line is a word and its cost")?;
        costs.insert(word.to_owned(), cost.parse()?);
    }
    for line in fs::read_to_string("data/abbreviations.txt")?.lines() {
        let (short, _) = line
            .split_once(' ')
            .ok_or("abbreviations.txt: a line is an abbreviation and its words")?;
        if short.len() >= SHORTEST {
            let cost = costs.entry(short.to_owned()).or_insert(ABBREVIATION);
            *cost = ABBREVIATION.min(*cost);
        }
    }
    let packed = fst::Map::from_iter(costs)?;
    let place = Path::new(&env::var("OUT_DIR")?).join("words.fst");
    fs::write(place, packed.as_fst().as_bytes())?;
    println!("cargo::rerun-if-changed=data");
    Ok(())
}
