//! `detour review`: one AdmissionReview on standard input, its answer on
//! standard output.

use std::io::{self, Read, Write};

use bumpalo::Bump;

use super::{CliError, Exit, finish, report};
use crate::admission;
use crate::config::ReviewConfig;
use crate::server::Limits;
use crate::sources::{self, file};

/// Most bytes of a review: those of the admission port.
const REVIEW_BYTES_MAX: u64 = Limits::admission().body_bytes as u64;

/// Answers the review on standard input. [`Exit::Usage`] when the rules have
/// faults, [`Exit::Failed`] when the input is no review.
pub fn run(config: &ReviewConfig) -> Exit {
    let mut stderr = io::stderr().lock();
    let compiled = match sources::compile(file::load(&config.rules), config.policy.clone()) {
        Ok(compiled) => compiled,
        Err(faults) => {
            for fault in faults {
                let _ = writeln!(stderr, "error: {}\nhint: {}", fault.statement(), fault.hint);
            }
            return Exit::Usage;
        }
    };
    for warning in compiled.warnings.iter().chain(&compiled.out_of_force) {
        let _ = writeln!(stderr, "warning: {warning}");
    }
    let mut body = Vec::new();
    if let Err(error) = io::stdin().lock().take(REVIEW_BYTES_MAX + 1).read_to_end(&mut body) {
        report(&mut stderr, &CliError::Input(error), None);
        return Exit::Failed;
    }
    if body.len() as u64 > REVIEW_BYTES_MAX {
        report(&mut stderr, &CliError::TooLarge { bytes_max: REVIEW_BYTES_MAX }, None);
        return Exit::Failed;
    }
    match admission::admit(&body, &compiled.mapping, &Bump::new()) {
        Ok(admitted) => {
            let mut out = io::stdout().lock();
            let written = out.write_all(&admitted.body).and_then(|()| out.write_all(b"\n"));
            finish(written.and_then(|()| out.flush()).map(|()| Exit::Done))
        }
        Err(error) => {
            let hint = "send an AdmissionReview as the API server does, with request.uid";
            report(&mut stderr, &error, Some(hint));
            Exit::Failed
        }
    }
}
