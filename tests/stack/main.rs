//! gitopsy's surroundings for real: an API server with its controllers, Flux, Argo CD, Gitea, and the tools that render.
//!
//! Each server starts once, when the first test needs it, and ends with this process; tests keep apart by namespace and
//! repository. Where the servers are not built the tests skip, as `support::tools` says.

extern crate support;

mod access;
mod drift;
mod harness;
mod logs;
mod operators;
mod smoke;
mod snapshot;
