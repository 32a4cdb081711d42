//! The terminal interface without a terminal: answers made by hand go in, keys go in, frames and effects come out.

mod answers;
mod canary;
mod contexts;
mod desk;
mod frames;
mod golden;
mod hostile;
mod journeys;
mod pty;
mod search;
mod session;
mod stands;
