//! The hermetic tests, in one binary so that they link once.
mod reference;
mod rules;
mod mapping;
