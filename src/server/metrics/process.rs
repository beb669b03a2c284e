//! What the process takes of its machine, under the names that all of Prometheus's clients use for it.

use super::exposition::{Exposition, Kind};
use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};

/// Where Linux says how many pages of memory a process has (`proc_pid_statm(5)`).
const MEMORY: &str = "/proc/self/statm";
/// The resident ones are the second number there.
const RESIDENT: usize = 1;

pub(super) fn show(to: &mut Exposition) {
    if let Some(bytes) = resident_bytes() {
        to.gauge(
            "process_resident_memory_bytes",
            "Memory that the process has, in bytes.",
            bytes,
        );
    }
    let used = clock_gettime(ClockId::ProcessCPUTime);
    to.family(
        "process_cpu_seconds_total",
        Kind::Counter,
        "Processor time that the process has used.",
    );
    to.sample(&[], format_args!("{}.{:09}", used.tv_sec, used.tv_nsec));
}

/// Nothing where the system does not say.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string(MEMORY).ok()?;
    let pages: u64 = text.split(' ').nth(RESIDENT)?.parse().ok()?;
    Some(pages * page_size() as u64)
}
