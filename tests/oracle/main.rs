//! Our answers against those of git, kustomize, kubectl and brute force.

extern crate support;

mod footprint;
mod git;
mod history;
mod history_store;
mod layout;
mod layout_deployers;
mod layout_hostile;
mod layout_ignore;
mod layout_items;
mod layout_pipelines;
mod layout_repositories;
mod manifest;
mod merge;
mod render;
mod render_deployers;
mod render_helm;
mod render_helmfile;
mod render_hostile;
mod render_remote;
mod render_repositories;
mod revert;
#[path = "../cli/run.rs"]
mod run;
mod stage;
mod waiting;
mod workspace;
