//! What every process tells of itself, by the names of the Prometheus client
//! libraries.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::number;

/// Read anew for each scrape; what cannot be read keeps its value.
#[derive(Debug, Default)]
pub(super) struct Process {
    cpu: Counter<f64, AtomicU64>,
    resident: Gauge,
    virtual_memory: Gauge,
    start: Gauge<f64, AtomicU64>,
    descriptors: Gauge,
    descriptors_max: Gauge,
    threads: Gauge,
}

impl Process {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "User and system processor time";
        registry.register_with_unit("process_cpu", help, Unit::Seconds, self.cpu.clone());
        let help = "Resident memory";
        let unit = Unit::Bytes;
        registry.register_with_unit("process_resident_memory", help, unit, self.resident.clone());
        let (help, unit) = ("Virtual memory", Unit::Bytes);
        let size = self.virtual_memory.clone();
        registry.register_with_unit("process_virtual_memory", help, unit, size);
        let help = "When the process was started, since 1970";
        registry.register_with_unit("process_start_time", help, Unit::Seconds, self.start.clone());
        registry.register("process_open_fds", "Open descriptors", self.descriptors.clone());
        let help = "Most descriptors that may be open";
        registry.register("process_max_fds", help, self.descriptors_max.clone());
        registry.register("process_threads", "Threads", self.threads.clone());
    }

    pub(super) fn read(&self) {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::of)
        {
            let seconds = |ticks: u64| ticks as f64 / clock_ticks_per_second() as f64;
            let cpu = seconds(stat.cpu_ticks);
            self.cpu.inner().store(cpu.to_bits(), Ordering::Relaxed);
            self.resident.set(number(stat.resident_pages * page_size() as u64));
            self.virtual_memory.set(number(stat.virtual_bytes));
            self.threads.set(number(stat.threads));
            if let Some(boot) = boot_seconds() {
                self.start.set(boot as f64 + seconds(stat.start_ticks));
            }
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            self.descriptors.set(number(entries.count()));
        }
        if let Some(most) = descriptors_max() {
            self.descriptors_max.set(number(most));
        }
    }
}

/// What is of interest in /proc/PID/stat, see proc_pid_stat(5).
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn of(text: &str) -> Option<Self> {
        // The name in brackets may hold anything; the third field follows it.
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

fn boot_seconds() -> Option<u64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

fn descriptors_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_is_skipped() {
        let text = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 12 34 0 0 20 0 5 0 678 9000 21 18";
        let stat = Stat::of(text).expect("a line of /proc");
        assert_eq!((stat.cpu_ticks, stat.threads, stat.start_ticks), (46, 5, 678));
        assert_eq!((stat.virtual_bytes, stat.resident_pages), (9000, 21));
        assert!(Stat::of("7 (a").is_none());
    }
}
