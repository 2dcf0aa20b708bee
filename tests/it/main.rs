//! The hermetic tests, in one binary so that they link once.
mod oracle;
mod fuzzed;
mod reference;
mod admission;
mod cli;
