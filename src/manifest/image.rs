//! Image references, taken apart, and where objects carry them.

use std::fmt;

use serde::Serialize;

use super::object::Object;

/// `registry/name:tag@digest`; a `:port` in the registry is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Image {
    /// Without tag and digest: `ghcr.io/acme/api`.
    pub name: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
}

impl Image {
    pub fn parse(reference: &str) -> Image {
        let _ = reference;
        todo!()
    }

    /// What a person calls the version: the tag, else a shortened digest, else `latest`.
    pub fn version(&self) -> String {
        todo!()
    }

    /// The last part of the name: `api`.
    pub fn short_name(&self) -> &str {
        todo!()
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}

impl Serialize for Image {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The images of an object's containers (pods, pod templates, CronJobs), init containers last, without repeats.
pub fn images(object: &Object) -> Vec<Image> {
    let _ = object;
    todo!()
}
