//! Taking a backup: the server copies its database, and the copy is packed here, off the server's threads.

use super::file::{Counted, Target};
use super::{blocking, interruptible, summary};
use crate::chat::Clock;
use crate::cli::door::Door;
use crate::cli::progress::Progress;
use crate::cli::{Failure, say};
use crate::config::Config;
use crate::server::backup::{Manifest, Source, pack};
use crate::server::control::{Answer, CopyState, Request};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two questions how far the copy is.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(100);

/// Makes a backup of what the configuration names.
pub(super) async fn take(config: Config, target: Target) -> Result<(), Failure> {
    let began = Instant::now();
    let folder = config.data.dir.clone();
    let mut copy = Copying {
        door: Door::new(config, false)?,
        number: None,
    };
    let source = interruptible(copy.make(&folder)).await;
    // The copy is open, or of no use; either way it need not have a name any more.
    copy.end().await;
    let source = source?;
    let manifest = source.manifest().clone();
    let written = interruptible(write(source, target)).await?;
    tell(&manifest, &written, began.elapsed());
    Ok(())
}

/// A copy of the database, as whoever makes it tells of it.
struct Copying {
    door: Door,
    number: Option<u64>,
}

impl Copying {
    /// Has the copy made, and opens it.
    async fn make(&mut self, folder: &Path) -> Result<Source, Failure> {
        let mut progress = Progress::new();
        let mut copy = self.ask(&Request::BeginCopy).await?;
        let number = copy.number;
        self.number = Some(number);
        while !copy.is_ready {
            sleep(BETWEEN_QUESTIONS).await;
            copy = self.ask(&Request::AskCopy { number }).await?;
            progress.show("copying", copy.done, copy.pages);
        }
        let folder = folder.to_owned();
        let opened = blocking(move || {
            Source::open(&folder, Clock::default().now()).map_err(Failure::failed)
        });
        tokio::pin!(opened);
        // Counting the rows takes a while, in which the copy is not to be taken for abandoned.
        loop {
            tokio::select! {
                source = &mut opened => return source,
                () = sleep(BETWEEN_QUESTIONS) => {}
            }
            self.ask(&Request::AskCopy { number }).await?;
        }
    }

    async fn ask(&mut self, request: &Request) -> Result<CopyState, Failure> {
        match self.door.ask(request).await? {
            Answer::Copy(copy) => Ok(copy),
            _ => Err(Failure::failed(
                "the running server answered something else; restart it, if it is another version",
            )),
        }
    }

    /// Has the copy removed, and gives the folder back.
    async fn end(mut self) {
        if let Some(number) = self.number {
            // Whoever made it removes what nobody asks about.
            let _ = self.door.ask(&Request::EndCopy { number }).await;
        }
        self.door.close().await;
    }
}

/// What was written where.
struct Written {
    path: Option<PathBuf>,
    bytes: u64,
}

async fn write(source: Source, target: Target) -> Result<Written, Failure> {
    match target {
        Target::Stdout => {
            let bytes = blocking(move || {
                packed(source, io::stdout().lock()).map_err(|error| {
                    Failure::failed(format!("stdout did not take it all: {error}"))
                })
            });
            Ok(Written {
                path: None,
                bytes: bytes.await?,
            })
        }
        Target::File(target) => {
            // The file's name is taken away here when this is interrupted, whatever is still written.
            let file = target.file();
            let written = blocking(move || {
                let written = file.and_then(|file| packed(source, file));
                written.map_err(|error| {
                    Failure::failed(format!("the backup cannot be written: {error}"))
                })
            });
            let bytes = written.await?;
            let path = Some(blocking(move || target.finish()).await?);
            Ok(Written { path, bytes })
        }
    }
}

/// Packs a copy; says how many bytes it took.
fn packed(source: Source, to: impl Write) -> io::Result<u64> {
    let mut progress = Progress::new();
    let mut to = Counted {
        to: BufWriter::new(to),
        bytes: 0,
    };
    pack(source, &mut to, |done, all| {
        progress.show("packing", done, all);
    })?;
    Ok(to.bytes)
}

fn tell(manifest: &Manifest, written: &Written, took: Duration) {
    let to = written.path.as_ref().map_or_else(
        || "to stdout".to_owned(),
        |path| format!("\"{}\"", path.display()),
    );
    say(&format!(
        "Wrote {to}: {}, with {}, in {:.1} s.",
        size(written.bytes),
        summary(manifest),
        took.as_secs_f64()
    ));
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut tenths, mut unit) = (bytes, 0, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    if unit == 0 {
        format!("{whole} {}", UNITS[unit])
    } else {
        format!("{whole}.{tenths} {}", UNITS[unit])
    }
}
