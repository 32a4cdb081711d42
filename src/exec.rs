//! External programs (git, kustomize, kubectl, …): run without a shell, without prompts, bounded in time and output, and
//! kept in a log the user can open with `@`.
