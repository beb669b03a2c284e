//! Whose the files are that root makes in a folder of a service's own user.

use rustix::process::geteuid;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, fchown};

/// Gives a file or folder to the owner of another, if this is root acting for somebody else.
///
/// # Errors
/// What the system says.
pub fn give_to_owner(file: &File, of: &Metadata) -> io::Result<()> {
    if !geteuid().is_root() || of.uid() == geteuid().as_raw() {
        return Ok(());
    }
    match fchown(file, Some(of.uid()), Some(of.gid())) {
        // Some containers have a root that may not do this, and need no more than they have.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}
