//! That each server and tool does what the other tests rely on it for.

mod argo;
mod flux;
mod gitea;
mod kube;
mod tools;
