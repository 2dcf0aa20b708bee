//! `detour normalize`: what image references mean.

use super::{Exit, finish};
use crate::config::NormalizeConfig;
use crate::reference::Reference;
use serde::Serialize;
use std::io::{self, BufWriter, Write};

/// One line of the output.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Parsed {
        input: &'a str,
        registry: &'a str,
        repository: &'a str,
        tag: Option<&'a str>,
        digest: Option<&'a str>,
        normalized: &'a str,
    },
    Refused {
        input: &'a str,
        error: String,
    },
}

/// Writes one JSON object a line to standard output, in the order of the
/// references. [`Exit::Failed`] if any of them is none.
pub fn run(config: &NormalizeConfig) -> Exit {
    let mut out = BufWriter::new(io::stdout().lock());
    finish(normalize(&config.references, &mut out))
}

fn normalize(references: &[String], out: &mut impl Write) -> io::Result<Exit> {
    let mut exit = Exit::Done;
    for input in references {
        let parsed = Reference::parse(input);
        let line = match &parsed {
            Ok(reference) => Line::Parsed {
                input,
                registry: reference.registry(),
                repository: reference.repository(),
                tag: reference.tag(),
                digest: reference.digest(),
                normalized: reference.as_str(),
            },
            Err(error) => Line::Refused { input, error: error.to_string() },
        };
        if parsed.is_err() {
            exit = Exit::Failed;
        }
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(references: &[&str]) -> (Exit, String) {
        let references: Vec<String> = references.iter().map(|text| (*text).to_owned()).collect();
        let mut out = Vec::new();
        let exit = normalize(&references, &mut out).expect("memory can be written");
        (exit, String::from_utf8(out).expect("UTF-8"))
    }

    #[test]
    fn a_reference_is_shown_in_parts() {
        let line = concat!(
            r#"{"input":"nginx:1.27","registry":"docker.io","repository":"library/nginx","#,
            r#""tag":"1.27","digest":null,"normalized":"docker.io/library/nginx:1.27"}"#,
            "\n"
        );
        assert_eq!(normalized(&["nginx:1.27"]), (Exit::Done, line.to_owned()));
    }

    #[test]
    fn one_fault_fails_the_whole_but_hides_nothing() {
        let (exit, text) = normalized(&["a", "", "b"]);
        assert_eq!(exit, Exit::Failed);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with(r#"{"input":"a","registry":"#), "{text}");
        assert_eq!(lines[1], r#"{"input":"","error":"the reference is empty"}"#);
        assert!(lines[2].starts_with(r#"{"input":"b","registry":"#), "{text}");
    }
}
