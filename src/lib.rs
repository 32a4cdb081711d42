//! gitopsy reviews GitOps environments from a terminal.
//!
//! It joins three things per Kubernetes *resource*: the environment repository's git history, the manifests
//! that history renders to, and the live object in the cluster. From that join it stages a `git revert` as a
//! pull request, having shown beforehand what the revert will do to the cluster.
//!
//! # The map
//!
//! ```text
//!   main                              starts cli; opens tui when cli says so
//!   cli      tui                      print or draw answers; know no git, no kube, no HTTP
//!   ─────────────────────────────
//!   review                            the questions, the actions, and Workspace, which joins everything below
//!   ─────────────────────────────
//!   revert   stage                    what to undo → a tree · a tree → a pull request, watched
//!   history  cluster  forge           time · place · people
//!   live                              pure: desired and live objects → health, drift, owner, effect
//!   ─────────────────────────────
//!   layout                            a tree → environments and apps
//!   render                            an app's sources → objects, by the real tool
//!   ─────────────────────────────
//!   diff     manifest                 pure: bytes → objects → differences
//!   git      cache    config          objects, trees, merges, fetch and push · the one on-disk store · user settings
//!   exec     text     task            processes and their log · hostile text, widths, ages · Sink, cancellation, Known
//! ```
//!
//! Imports go downwards only; `tests/architecture.rs` holds the table and fails on an edge that is not in it.
//!
//! # Words
//!
//! An *environment* is a place things are deployed to; it consists of *apps*; an app's *recipe* turns its
//! sources into *objects*. A *resource* is an object in an environment: through time it is (environment,
//! [`manifest::ObjectRef`]). *Desired* is what git renders to, *live* is what the API server returns, *drift* is
//! where they differ. *Noise* are field changes that carry no intent. A *generated commit* was made by a
//! pipeline from another commit, to which it is *attributed*. *Revert* applies the inverse of a commit on the
//! tip; *restore* puts things back as they were at a commit.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod cache;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod demo;
pub mod diff;
pub mod exec;
pub mod forge;
pub mod git;
pub mod history;
pub mod layout;
pub mod live;
pub mod manifest;
pub mod render;
pub mod revert;
pub mod review;
pub mod stage;
pub mod task;
pub mod text;
pub mod tui;
