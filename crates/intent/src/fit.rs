//! How well a phrase fits a name.

use retrieve::{Asked, asked, reworded, terms};
use std::collections::{BTreeMap, BTreeSet};

use crate::fact::Table;

/// Ways of putting a phrase otherwise that are looked for, too, and what they count.
const WORDINGS: usize = 6;
const REWORDED: f32 = 0.9;

/// What a word of the phrase counts that the name does not have but the table's name, the comment, or the schema's name.
const OF_TABLE: f32 = 0.85;
const OF_COMMENT: f32 = 0.6;
const OF_SCHEMA: f32 = 0.5;

/// What counts in a fit: the share of the phrase's words that are known, the share of the name's words that the phrase has,
/// how far the cosine stands out.
const KNOWN: f32 = 1.8;
const TOLD: f32 = 1.0;
const LIFT: f32 = 1.8;

/// A phrase, ready to be compared.
pub(crate) struct Phrase {
    wordings: Vec<Vec<Asked>>,
    /// The terms of its own words.
    pub(crate) terms: Vec<String>,
    /// The ordinary cosine of it.
    usual: Option<f32>,
    /// Which of the cosines of a passage is that to this phrase.
    number: usize,
}

/// The words of a table or column.
pub(crate) struct Words {
    name: BTreeSet<String>,
    table: BTreeSet<String>,
    schema: BTreeSet<String>,
    comment: BTreeSet<String>,
}

impl Words {
    /// Of something with its table, which may be itself, and its schema.
    pub(crate) fn of(name: &str, table: &Table, comment: &str) -> Words {
        let set = |text: &str| terms(text).into_iter().collect::<BTreeSet<_>>();
        Words {
            name: set(name),
            table: set(&table.name),
            schema: set(&table.schema),
            comment: set(comment),
        }
    }

    pub(crate) fn name(&self) -> &BTreeSet<String> {
        &self.name
    }

    pub(crate) fn comment(&self) -> &BTreeSet<String> {
        &self.comment
    }
}

/// How well a phrase fits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fit {
    /// To rank by.
    pub(crate) score: f32,
    /// How likely it is what is meant, from 0 to 1.
    pub(crate) confidence: f32,
    /// The logit of that.
    logit: f32,
}

/// What decides how sure a fit is: the share of known words, how far the cosine stands out, half where there is none.
const SURE_KNOWN: f32 = 5.0;
const SURE_LIFT: f32 = 5.0;
const UNSURE: f32 = -3.5;

impl Fit {
    /// Of what somebody said, or what is sure for other reasons.
    pub(crate) fn of(score: f32, confidence: f32) -> Fit {
        let confidence = confidence.clamp(0.001, 0.999);
        Fit {
            score,
            confidence,
            logit: (confidence / (1.0 - confidence)).ln(),
        }
    }

    /// The same where something else speaks for it, too.
    pub(crate) fn lifted(self, by: f32) -> Fit {
        Fit {
            score: self.score + by,
            ..self
        }
    }

    fn sure(score: f32, logit: f32) -> Fit {
        Fit {
            score,
            confidence: 1.0 / (1.0 + (-logit).exp()),
            logit,
        }
    }

    /// How sure it is where a share of the phrase's words turned out to say something else.
    pub(crate) fn with_explained(self, share: f32) -> f32 {
        Fit::sure(self.score, self.logit + SURE_KNOWN * share).confidence
    }
}

impl Phrase {
    pub(crate) fn of(text: &str, number: usize, similarities: impl Iterator<Item = Option<f32>>) -> Phrase {
        let text = &in_nouns(text);
        let wordings = std::iter::once(text.clone()).chain(reworded(text, WORDINGS));
        let mut known: Vec<f32> = similarities.flatten().collect();
        known.sort_by(f32::total_cmp);
        Phrase {
            wordings: wordings.map(|one| asked(&one)).collect(),
            terms: terms(text),
            usual: known.get(known.len() / 2).copied(),
            number,
        }
    }

    /// How well it fits something with these words and cosines.
    pub(crate) fn fit(&self, words: &Words, similarity: &[Option<f32>]) -> Fit {
        let mut best = (0.0_f32, 0.0_f32);
        for (at, asked) in self.wordings.iter().enumerate() {
            let damp = if at == 0 { 1.0 } else { REWORDED };
            let (known, told) = (damp * known(asked, words), damp * told(asked, words));
            if KNOWN * known + TOLD * told > KNOWN * best.0 + TOLD * best.1 {
                best = (known, told);
            }
        }
        let cosine = similarity.get(self.number).copied().flatten();
        let lift = self
            .usual
            .zip(cosine)
            .map(|(usual, cosine)| ((cosine - usual) / (1.0 - usual).max(f32::EPSILON)).clamp(0.0, 1.0));
        let score = KNOWN * best.0 + TOLD * best.1 + LIFT * lift.unwrap_or(0.0);
        Fit::sure(score, SURE_KNOWN * best.0 + SURE_LIFT * lift.unwrap_or(0.5) + UNSURE)
    }
}

/// The phrase with irregular participles as the nouns that schemas have: no column is called sold.
fn in_nouns(text: &str) -> String {
    const NOUNS: &[(&str, &str)] = &[
        ("bought", "purchase"),
        ("paid", "payment"),
        ("sold", "sales"),
        ("spent", "spend"),
    ];
    let noun = |word: &str| {
        NOUNS
            .iter()
            .find(|(participle, _)| *participle == word)
            .map_or(word.to_owned(), |(_, noun)| (*noun).to_owned())
    };
    text.split(' ').map(noun).collect::<Vec<_>>().join(" ")
}

/// The share of the phrase's words that are known.
fn known(asked: &[Asked], words: &Words) -> f32 {
    let mut best: BTreeMap<usize, f32> = BTreeMap::new();
    for one in asked {
        let weight = if words.name.contains(&one.term) {
            1.0
        } else if words.table.contains(&one.term) {
            OF_TABLE
        } else if words.comment.contains(&one.term) {
            OF_COMMENT
        } else if words.schema.contains(&one.term) {
            OF_SCHEMA
        } else {
            0.0
        };
        let word = best.entry(one.word).or_default();
        *word = word.max(weight * one.weight);
    }
    best.values().sum::<f32>() / best.len().max(1) as f32
}

/// The share of the name's words that the phrase has.
fn told(asked: &[Asked], words: &Words) -> f32 {
    let weight = |term: &String| {
        let weights = asked.iter().filter(|one| one.term == *term).map(|one| one.weight);
        weights.fold(0.0, f32::max)
    };
    words.name.iter().map(weight).sum::<f32>() / words.name.len().max(1) as f32
}
