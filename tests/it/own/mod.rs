//! `--tls self`: what is decided, what is made, and what is read.

mod issued;
mod model;
mod plans;
mod properties;
