//! Our answers against those of git, kustomize, kubectl and brute force.

#[path = "../support/mod.rs"]
mod support;

mod git;
mod layout;
mod history;
mod manifest;
