//! Moments as the API server writes them.

use std::time::{Duration, SystemTime};

const DAY_SECONDS: u64 = 86_400;
/// From March of the year 0 to the beginning of 1970.
const DAYS_BEFORE_1970: u64 = 719_468;
/// 400 years.
const ERA_DAYS: u64 = 146_097;

/// `metav1.Time`: RFC 3339 in UTC, in whole seconds. A moment before 1970 is
/// written as the beginning of 1970.
pub fn seconds(moment: SystemTime) -> String {
    format!("{}Z", date_and_time(since_1970(moment)))
}

/// `metav1.MicroTime`: the same with six digits after the point.
pub fn micros(moment: SystemTime) -> String {
    let since = since_1970(moment);
    format!("{}.{:06}Z", date_and_time(since), since.subsec_micros())
}

/// The time since 1970; zero before.
pub fn since_1970(moment: SystemTime) -> Duration {
    moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn date_and_time(since: Duration) -> String {
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / DAY_SECONDS);
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}", seconds % 60)
}

/// Year, month and day, by years that begin in March, so that the leap day is
/// the last of one.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_BEFORE_1970;
    let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_api_server_does() {
        for (since, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_219_200, "2026-11-21T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
        ] {
            let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(since);
            assert_eq!(seconds(moment), expected);
        }
        let moment = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_500_000_000_042_999);
        assert_eq!(micros(moment), "1970-01-18T08:40:00.000042Z");
        assert_eq!(
            seconds(SystemTime::UNIX_EPOCH - Duration::from_secs(1)),
            "1970-01-01T00:00:00Z"
        );
    }
}
