//! The commands, as scripts and people run them: the real binary on repositories the tests build, with nothing of the
//! user's around it.

extern crate support;

mod autoscalers;
mod bad_input;
mod blame;
mod branches;
mod clusters;
mod demo;
mod deployers;
mod encrypted;
mod hostile;
mod items;
mod jenkins_x;
mod kargo;
mod kept;
mod kustomize;
mod links;
mod plain;
mod run;
mod search;
mod since;
mod snapshot;
mod stage;
mod terraform;
