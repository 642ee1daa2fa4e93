//! The attributes of one thing, by name.
//!
//! A column has one or two of them, and a schema has ten thousands of columns. A `BTreeMap` sets aside a node of
//! eleven entries for each, some 700 bytes; a sorted vector takes what it needs, and a quarter less time for a
//! whole fingerprint.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// Attributes that differ from PostgreSQL's default, in order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Vec<(Cow<'static, str>, Value)>);

impl Attributes {
    /// No attributes.
    pub fn new() -> Attributes {
        Attributes::default()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets an attribute, in the place of one of that name.
    pub fn insert(&mut self, name: Cow<'static, str>, value: Value) {
        match self.position(&name) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    /// The attribute of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).ok().map(|at| &self.0[at].1)
    }

    /// The attribute of a name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.position(name).ok().map(|at| &mut self.0[at].1)
    }

    /// Whether there is an attribute of a name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.position(name).is_ok()
    }

    /// Takes an attribute away.
    pub fn remove(&mut self, name: &str) {
        if let Ok(at) = self.position(name) {
            self.0.remove(at);
        }
    }

    /// Names and values in order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_ref().cmp(name))
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AttributesVisitor)
    }
}

struct AttributesVisitor;

impl<'de> Visitor<'de> for AttributesVisitor {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes by name")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Attributes, M::Error> {
        let mut attributes = Attributes::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            attributes.insert(Cow::Owned(name), value);
        }
        Ok(attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whatever_the_order_they_were_set_in_they_are_the_same() {
        let (mut a, mut b) = (Attributes::new(), Attributes::new());
        for (name, value) in [
            ("type", json!("text")),
            ("comment", json!("x")),
            ("default", json!("''")),
        ] {
            a.insert(name.into(), value);
        }
        for (name, value) in [
            ("default", json!("0")),
            ("comment", json!("x")),
            ("type", json!("text")),
        ] {
            b.insert(name.into(), value);
        }
        assert_ne!(a, b);
        b.insert("default".into(), json!("''"));
        assert_eq!(a, b);
        let text = serde_json::to_string(&a).expect("serialises");
        assert_eq!(text, r#"{"comment":"x","default":"''","type":"text"}"#);
        assert_eq!(serde_json::from_str::<Attributes>(&text).expect("parses"), a);
        assert_eq!(a.get("type"), Some(&json!("text")));
        assert!(!a.contains_key("typ"));
    }
}
