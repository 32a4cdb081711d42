//! Our own object directory, with the clone's as alternate: everything we create or fetch goes here.
