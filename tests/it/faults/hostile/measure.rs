//! What a process costs, as the system counts it, and how long others wait.

use super::super::super::harness::Executable;
use std::fmt;
use std::time::Duration;

pub const MIB: u64 = 1024 * 1024;

/// Tells the system to count the peak of a process's memory anew (proc(5), `clear_refs`).
const RESET_PEAK: &str = "5";
/// A TCP connection that is open, as `/proc/net/tcp` has it.
const ESTABLISHED: &str = "01";

/// The resident memory of a process from some moment on.
pub struct Memory {
    process: u32,
    before: u64,
}

impl Memory {
    /// From now on.
    pub fn of(chatd: &Executable) -> Self {
        let process = chatd.id();
        std::fs::write(format!("/proc/{process}/clear_refs"), RESET_PEAK).unwrap();
        Self {
            process,
            before: status_bytes(process, "VmRSS:"),
        }
    }

    /// By how many bytes it was larger at its peak than at the beginning.
    pub fn growth(&self) -> u64 {
        status_bytes(self.process, "VmHWM:").saturating_sub(self.before)
    }
}

fn status_bytes(process: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.unwrap().trim().strip_suffix(" kB").unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

/// Bytes in words.
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0 * 100 / MIB;
        write!(to, "{}.{:02} MiB", hundredths / 100, hundredths % 100)
    }
}

/// What the kernel has of a server's connections.
#[derive(Debug, Default, Clone, Copy)]
pub struct Kernel {
    /// How many are open, be it only on the server's side.
    pub open: usize,
    /// Bytes that wait in the fullest buffer of those to be sent.
    pub most_unsent: u64,
}

impl Kernel {
    /// Now, for the server at `url`, which listens on an IPv4 address.
    pub fn of(url: &str) -> Self {
        let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
        let port = format!(":{port:04X}");
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let mut kernel = Self::default();
        for line in table.lines().skip(1) {
            let words: Vec<_> = line.split_whitespace().collect();
            if words[1].ends_with(&port) && words[3] == ESTABLISHED {
                let (unsent, _) = words[4].split_once(':').unwrap();
                let unsent = u64::from_str_radix(unsent, 16).unwrap();
                kernel.open += 1;
                kernel.most_unsent = kernel.most_unsent.max(unsent);
            }
        }
        kernel
    }
}

/// How long things took, the shortest first.
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn new(all: impl Iterator<Item = Duration>) -> Self {
        let mut all: Vec<_> = all.collect();
        all.sort_unstable();
        Self(all)
    }

    /// What 99 of a hundred took at most.
    pub fn p99(&self) -> Duration {
        self.0[(self.0.len() * 99).div_ceil(100) - 1]
    }
}
