//! `--tls self`: what is decided, what is made, and what is read.

mod issued;
mod kept;
mod plans;
mod model;
mod properties;
