//! A process whose log nobody reads.

use serde_json::Value;

use crate::serve::{REVIEW, RULES, Running, message, post};

#[test]
fn nobody_waits_for_whoever_reads_the_log() {
    let mut running = Running::start(RULES, &[]);
    let mut client = running.connect();
    let mut asked = 0;
    let mut ask = || {
        asked += 1;
        assert_eq!(post(&mut client, REVIEW).status, 200);
    };
    // A pipe holds 64 KiB, and a line has more than 200 bytes.
    (0..400).for_each(|_| ask());
    let is_notice =
        |line: &Value| message(line).ends_with("lines are missing: nobody read the log");
    let mut read = 0;
    let notice = loop {
        let line = running.log.next().unwrap();
        if is_notice(&line) {
            break message(&line).to_owned();
        }
        read += 1;
        ask();
    };
    let missing: usize = notice.split(' ').next().unwrap().parse().unwrap();
    assert!(missing > 0 && missing + read <= asked, "{notice}; {read} of {asked} read");
}
