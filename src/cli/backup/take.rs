//! Taking a backup: the server copies its database, and the copy is packed here, off the server's threads.

use super::file::{Counted, Target};
use super::{Copying, interruptible, summary};
use crate::chat::Clock;
use crate::cli::progress::Progress;
use crate::cli::{Failure, say};
use crate::config::Config;
use crate::model::size;
use crate::server::backup::{Manifest, Source, pack};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Makes a backup of what the configuration names.
pub(super) async fn take(config: Config, target: Target) -> Result<(), Failure> {
    let began = Instant::now();
    let folder = config.data.dir.clone();
    let mut copy = Copying::new(config)?;
    let open =
        |folder: &Path| Source::open(folder, Clock::default().now()).map_err(Failure::failed);
    let source = interruptible(copy.make(&folder, open)).await;
    // The copy is open, or of no use; either way it need not have a name any more.
    copy.end().await;
    let source = source?;
    let manifest = source.manifest().clone();
    let written = target.fill(move |to| Ok(packed(source, to)?));
    let (bytes, path) = written.await?;
    tell(&manifest, bytes, path.as_deref(), began.elapsed());
    Ok(())
}

/// Packs a copy; says how many bytes it took.
fn packed(source: Source, to: impl Write) -> io::Result<u64> {
    let mut progress = Progress::new();
    let mut to = Counted { to, bytes: 0 };
    pack(source, &mut to, |done, all| {
        progress.show("packing", done, all);
    })?;
    Ok(to.bytes)
}

fn tell(manifest: &Manifest, bytes: u64, path: Option<&Path>, took: Duration) {
    say(&format!(
        "Wrote {}: {}, with {}, in {:.1} s.",
        written_to(path),
        size(bytes),
        summary(manifest),
        took.as_secs_f64()
    ));
}

/// Where something was written, for people.
pub(in crate::cli) fn written_to(path: Option<&Path>) -> String {
    path.map_or_else(
        || "to stdout".to_owned(),
        |path| format!("\"{}\"", path.display()),
    )
}
