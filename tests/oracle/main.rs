//! Our answers against those of git, kustomize, kubectl and brute force.

extern crate support;

mod footprint;
mod git;
mod history;
mod layout;

mod manifest;
mod merge;
mod render;
mod revert;
mod stage;
